"""Fetch the three packages that the toy is made of, and write them down as data sets.

    npm pack NAME@VERSION ─► integrity checked ─► drawings/noto/1f436.png   what it trains on
                                                  drawings/noto/1f436.txt   its captions, one a line
                                                  drawings/twitter/…        evaluation alone
                                                  drawings/captions.json    by drawing and language: label, tags

    python prepare.py drawings              # 145 MB from the registry; --packages FOLDER takes them from there

Base drawings are the 1,911 that both sets have; another 1,875 with skin tones are marked as of their base drawing. A
drawing of one set has the same name as that of the other.
"""

import argparse
import base64
import hashlib
import json
import subprocess
import tarfile
from collections.abc import Iterator
from pathlib import Path

# Their integrity, as the registry has it: a file of that name and another content is not read.
PACKAGES = {
    "emoji-datasource-google@16.0.0": (
        "ZRexfzs7MVoLnmzZmNsO4TKhnAJp5D++Vm6PpUpH/jEQQlemp3l88CjZ+DoZ2faM9R4QxZkOPJCoT8DlPhfQ3A=="
    ),
    "emoji-datasource-twitter@16.0.0": (
        "7F+uCuHH+7Qnrc15P5tnbvKkg9E6tlzi4MnT2uW1RlN4pLYTza6cP/dstIfSDMtpjFLWuZewWg8jBbuL2eyELQ=="
    ),
    "emojibase-data@17.0.0": (
        "Yvgb5AWoHViHV/gq1qr5ZAarcBip+B27/ZLRsUJkbgAEaLlZ/fof9g882LTpmEpyhBNEC0m2SEmItljHsTygjA=="
    ),
}


def main() -> None:
    """Packages to folders."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("drawings", type=Path, help="where the data sets are written")
    parser.add_argument("--packages", type=Path, help="where the packages are, or are fetched to")
    said = parser.parse_args()
    packages = said.packages or said.drawings / "packages"
    google, twitter, words = (package(name, packages) for name in PACKAGES)
    captions = labels(words)
    listed = json.loads(read(google, "package/emoji.json"))
    both = [emoji for emoji in listed if emoji["has_img_google"] and emoji["has_img_twitter"]]
    table = {}
    for emoji in both:
        for drawn in (emoji, *emoji.get("skin_variations", {}).values()):
            if drawn["has_img_google"] and drawn["has_img_twitter"]:
                said_of = {language: found[plain(drawn["unified"])] for language, found in captions.items()}
                base = None if drawn is emoji else Path(emoji["image"]).stem
                table[Path(drawn["image"]).stem] = {"group": emoji["category"], "of": base, "said": said_of}
    for style, archive in (("noto", google), ("twitter", twitter)):
        folder = said.drawings / style
        folder.mkdir(parents=True, exist_ok=True)
        inside = f"package/img/{'google' if style == 'noto' else style}/64"
        with tarfile.open(archive) as tar:
            for name, facts in table.items():
                member = tar.extractfile(f"{inside}/{name}.png")
                assert member
                (folder / f"{name}.png").write_bytes(member.read())
                lines = dict.fromkeys(line for label in facts["said"].values() for line in spoken(*label))
                (folder / f"{name}.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
    text = json.dumps(table, ensure_ascii=False, indent=0, sort_keys=True)
    (said.drawings / "captions.json").write_text(text + "\n", encoding="utf-8")
    bases = sum(facts["of"] is None for facts in table.values())
    print(f"{bases:,} drawings, {len(table) - bases:,} more with skin tones, {len(captions)} languages")


def package(name: str, folder: Path) -> Path:
    """The archive of `NAME@VERSION`, fetched by npm where it is not in `folder`; raises SystemExit for another file."""
    archive = folder / f"{name.replace('@', '-')}.tgz"
    if not archive.is_file():
        folder.mkdir(parents=True, exist_ok=True)
        subprocess.run(["npm", "pack", "--silent", name], cwd=folder, check=True)  # noqa: S603, S607
    found = base64.b64encode(hashlib.sha512(archive.read_bytes()).digest()).decode()
    if found != PACKAGES[name]:
        raise SystemExit(f"{archive}: integrity sha512-{found}, expected sha512-{PACKAGES[name]}")
    return archive


def labels(archive: Path) -> dict[str, dict[str, tuple[str, list[str]]]]:
    """Language → drawing → its label and tags."""
    found: dict[str, dict[str, tuple[str, list[str]]]] = {}
    with tarfile.open(archive) as tar:
        for member in tar:
            parts = member.name.split("/")
            if len(parts) == 3 and parts[2] == "data.json":
                file = tar.extractfile(member)
                assert file
                found[parts[1]] = {plain(emoji["hexcode"]): said(emoji) for emoji in whole(json.load(file))}
    return dict(sorted(found.items()))


def whole(emojis: list[dict[str, object]]) -> Iterator[dict[str, object]]:
    """Each entry, and each of its skin tones with the tags of its base."""
    for emoji in emojis:
        yield emoji
        for skin in emoji.get("skins", []):
            yield {"tags": emoji.get("tags", []), **skin}


def said(emoji: dict[str, object]) -> tuple[str, list[str]]:
    """Label and tags of one entry."""
    return emoji["label"], emoji.get("tags", [])


def spoken(label: str, tags: list[str]) -> Iterator[str]:
    """The captions of one drawing in one language: its label, its label with all tags, each tag."""
    yield label
    if tags:
        yield ", ".join([label, *tags])
        yield from tags


def plain(code: str) -> str:
    """A code without the signs that ask for the coloured form: the sets disagree where they belong."""
    return code.replace("-FE0F", "")


def read(archive: Path, member: str) -> bytes:
    """One file of an archive."""
    with tarfile.open(archive) as tar:
        file = tar.extractfile(member)
        assert file
        return file.read()


if __name__ == "__main__":
    main()
