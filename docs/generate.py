"""Writes what the docs take from the code: `make docs`. A test says when it is out of date.

docs/methods.md    every method with its head
docs/errors.md     the tree of errors, each class with its sentence
docs/path.md       one picture, annotated: what `lexel explain` sees
README.md          the table of methods, between its two marks
docs/order.md      the table of rooms, between its two marks
docs/towers.md     the tokens of every published tower, between its two marks; they are built and asked
"""

import inspect
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

import torch

from lexel import box, errors
from lexel.nn.positions import Resampling
from lexel.nn.transformer import Traced
from lexel.pictures.read import read
from lexel.pipelines.compose import pipeline
from lexel.pipelines.explain import explain
from lexel.pipelines.registry import FAMILIES, ROOMS, Method, families, methods
from lexel.tokens.meaning import Kind
from lexel.towers._backbone import ImageTower
from lexel.towers._config import Blocks, ImageConfig
from lexel.towers._hierarchy import StagedTower
from lexel.towers._pyramid import Pyramid
from lexel.towers._swin import SwinConfig
from lexel.towers.clip import ClipImage
from lexel.towers.dinov2 import Dinov2Config, Dinov2Image
from lexel.towers.dinov3 import Dinov3Config, Dinov3Image
from lexel.towers.mae import MAEConfig, MAEImage
from lexel.towers.pvt import Pvt, PvtConfig
from lexel.towers.pvtv2 import PvtV2, PvtV2Config
from lexel.towers.resnet import ResNet, ResNetConfig
from lexel.towers.sam import SamConfig, SamImage
from lexel.towers.siglip import SiglipImage
from lexel.towers.swin import Swin
from lexel.towers.swinv2 import SwinV2, SwinV2Config
from lexel.towers.vit import ViTConfig, ViTImage

ROOT = Path(__file__).parent.parent
PIPELINE, PICTURE = "patch(16) | tome(r=98)", "chelsea"
KINDS = {
    "partitions": "Tokenizers without torch",
    "reducers": "Selectors: fewer tokens in the same space",
    "quantizers": "Quantizers: vectors to codes and back, inside autoencoders",
    "towers": "Families of towers: their models are named in a pipeline, and loaded",
    "autoencoders": "Families of autoencoders: their models are too, and give pictures back",
    "generators": "Generators: new codes, drawn one way or another by one kind of prior",
}


# Blocks change no number of tokens and no width: the plain towers are built without any.
Published = tuple[str, str, int, ImageTower]


def towers() -> Iterator[Published]:
    """Every published tower of the table: family, model, pixels of a side, the tower."""
    small, base = Blocks(384, 0, 6, 1536), Blocks(768, 0, 12, 3072)
    large, so400m = Blocks(1024, 0, 16, 4096), Blocks(1152, 0, 16, 4304)
    yield "CLIP", "B/32", 224, ClipImage(ImageConfig(base, 32, 7, None))
    yield "CLIP", "B/16", 224, ClipImage(ImageConfig(base, 16, 14, None))
    yield "CLIP", "L/14", 224, ClipImage(ImageConfig(large, 14, 16, None))
    yield "CLIP", "L/14@336", 336, ClipImage(ImageConfig(large, 14, 24, None))
    yield "SigLIP", "B/16", 224, SiglipImage(ImageConfig(base, 16, 14, None))
    yield "SigLIP", "B/16-384", 384, SiglipImage(ImageConfig(base, 16, 24, None))
    yield "SigLIP", "L/16-256", 256, SiglipImage(ImageConfig(large, 16, 16, None))
    yield "SigLIP", "So400m/14-384", 384, SiglipImage(ImageConfig(so400m, 14, 27, None))
    yield "ViT", "B/16", 224, ViTImage(ViTConfig(base, 16, 14))
    yield "ViT", "B/32", 224, ViTImage(ViTConfig(base, 32, 7))
    yield "ViT", "L/16", 224, ViTImage(ViTConfig(large, 16, 14))
    yield "DeiT", "B/16, distilled", 224, ViTImage(ViTConfig(base, 16, 14, distilled=True))
    yield "FlexiViT", "B/16", 240, ViTImage(ViTConfig(base, 16, 15, placed=False))
    yield "MAE", "B/16", 224, MAEImage(MAEConfig(base, 16, 14))
    for side in (224, 518):
        for registers, said in ((0, "S/14"), (4, "S/14 with registers")):
            yield "DINOv2", said, side, Dinov2Image(Dinov2Config(small, 14, 37, registers, Resampling(), False))
    yield "DINOv3", "S/16", 224, Dinov3Image(Dinov3Config(small, 16, 4, 100.0, False, True))
    yield "SAM", "B", 1024, SamImage(SamConfig(base))
    stages = {"patch_size": 4, "width": 96, "depths": (0,) * 4, "heads": (3, 6, 12, 24)}
    yield "Swin", "T", 224, Swin(SwinConfig(**stages, window=7, side=224))
    yield "Swin v2", "T", 256, SwinV2(SwinV2Config(**stages, window=8, side=256, pretrained=(0,) * 4))
    v1, v2 = (
        Pyramid(widths=widths, depths=(1,) * 4, heads=(1, 2, 5, 8), ratios=(8, 8, 4, 4), reductions=(8, 4, 2, 1))
        for widths in ((64, 128, 320, 512), (32, 64, 160, 256))
    )
    yield "PVT", "Tiny", 224, Pvt(PvtConfig(v1, side=224))
    yield "PVT v2", "B0", 224, PvtV2(PvtV2Config(v2))
    yield "ResNet", "50", 224, ResNet(ResNetConfig(stem=64, widths=(256, 512, 1024, 2048), depths=(1,) * 4))


def pages() -> dict[Path, str]:
    """The text that each page should have."""
    readme, order, tokens = ROOT / "README.md", ROOT / "docs" / "order.md", ROOT / "docs" / "towers.md"
    return {
        ROOT / "docs" / "methods.md": methods_page(),
        ROOT / "docs" / "errors.md": errors_page(),
        ROOT / "docs" / "path.md": path_page(),
        readme: between(readme, "methods", methods_table()),
        order: between(order, "rooms", rooms_table()),
        tokens: between(tokens, "towers", towers_table()),
    }


def methods_page() -> str:
    """Every method with its head, room by room."""
    said = ["# Methods", "", "Made from the heads of the files by `make docs`; `lexel methods NAME` prints the same."]
    for room in (*ROOMS, *FAMILIES):
        said += ["", f"## {KINDS[room]}"]
        for method in own(room):
            said += ["", f"### {method.name}", "", method.sentence, "", "```text", method.drawing, "```", ""]
            said += [f"- **{field}**: {text}" for field, text in method.fields.items()]
            said += [f"- **File**: [`{method.room}/{method.name}.py`](../src/lexel/{method.room}/{method.name}.py)"]
    return "\n".join(said) + "\n"


def methods_table() -> str:
    """A row a method."""
    rows = ["| method | what it does | paper |", "|---|---|---|"]
    for room in (*ROOMS, *FAMILIES):
        for method in own(room):
            link = f"[`{method.name}`](docs/methods.md#{method.name})"
            rows.append(f"| {link} | {method.sentence} | {method.fields['Paper'].split(';')[0]} |")
    return "\n".join(rows)


def errors_page() -> str:
    """The drawn tree, then each class."""
    tree, _, after = inspect.cleandoc(errors.__doc__ or "").partition("\n\n`exit`")
    head, _, drawn = tree.partition("\n\n")
    said = ["# Errors", "", head, "", "```text", inspect.cleandoc(drawn), "```", "", f"`exit`{after}", ""]
    said += ["| class | exit | HTTP | when |", "|---|---|---|---|"]
    for name, error in inspect.getmembers(errors, inspect.isclass):
        if issubclass(error, errors.LexelError):
            when = inspect.cleandoc(error.__doc__ or "").partition("\n")[0]
            said.append(f"| `{name}` | {error.exit} | {error.status} | {when} |")
    return "\n".join(said) + "\n"


def path_page() -> str:
    """The stations of one picture. Times differ from run to run; the test leaves them out."""
    said = [
        "# One picture, annotated",
        "",
        f'`lexel explain "{PIPELINE}" {PICTURE}.png`, as it ran: every call from one file of the library into another',
        "that gave data. A station that is indented was called by the one above it. Times were taken under a profiler:",
        "they compare with each other, not with a benchmark.",
        "",
        "| station | what it does | in → out | ms | bytes |",
        "|---|---|---|---|---|",
    ]
    for station in explain(pipeline(PIPELINE), read(box.path(PICTURE))):
        file = station.place.partition(":")[0]
        name = (
            "&nbsp;" * 4 * station.depth + f"[`{station.function}`](../src/lexel/{file}#L{station.place.split(':')[1]})"
        )
        data = f"{station.taken} → {station.given}" if station.taken else station.given
        said.append(f"| {name} | {station.says} | {data} | {station.seconds * 1e3:.2f} | {station.size:,} |")
    return "\n".join(said) + "\n"


def rooms_table() -> str:
    """A row a room of the house."""
    house = tomllib.loads((ROOT / "tests" / "house" / "house.toml").read_text(encoding="utf-8"))
    rows = ["| floor | room | holds |", "|---|---|---|"]
    rows += [f"| {room['floor']} | `{room['name']}` | {room['holds']} |" for room in house["room"]]
    return "\n".join(rows)


@torch.inference_mode()
def towers_table() -> str:
    """A row a tower, or a stage of one."""
    rows = ["| family | model | picture | stage | cell | class | registers | regions | tokens | width |"]
    rows += ["|---|---|---|---|---|---|---|---|---|---|"]
    for family, model, side, tower in towers():
        picture = torch.zeros(1, 3, side, side)
        made: list[tuple[str, int, Traced]]
        if isinstance(tower, StagedTower):
            stages = tower.stages(picture, len(tower.cells) - 1)
            made = [(str(s), tower.cells[s], traced) for s, traced in enumerate(stages)]
        else:
            made = [("", tower.cell, tower.trace(picture))]
        for stage, cell, traced in made:
            tokens, kind = traced.packed.x, traced.packed.kind
            counts = [int((kind == one).sum()) or "" for one in (Kind.CLASS, Kind.REGISTER)]
            (h, w), width = traced.packed.grid[0].tolist(), tokens.shape[1]
            cells = [family, model, f"{side} × {side}", stage, f"{cell} × {cell}", *counts, f"{h} × {w}"]
            rows.append(f"| {' | '.join(map(str, cells))} | {len(tokens):,} | {width:,} |")
    return "\n".join(rows)


def own(room: str) -> list[Method]:
    """The methods or families of a room, without plug-ins."""
    return [method for method in [*methods(), *families()] if method.room == room]


def between(page: Path, mark: str, text: str) -> str:
    """The page with `text` between `<!-- mark -->` and `<!-- /mark -->`."""
    marks = rf"(<!-- {mark} -->\n).*?(<!-- /{mark} -->)"
    whole, count = re.subn(
        marks, lambda found: f"{found[1]}{text}\n{found[2]}", page.read_text("utf-8"), flags=re.DOTALL
    )
    if count != 1:
        raise SystemExit(f"{page.name} needs the marks <!-- {mark} --> and <!-- /{mark} --> once")
    return whole


if __name__ == "__main__":
    for path, text in pages().items():
        path.write_text(text, encoding="utf-8")
