"""JPEG → codes → JPEG: a photograph read, tokenized, coded as a stream, and back, in megapixels a second.

    OMP_NUM_THREADS=1 python bench/jpeg_codes.py [--json FILE]

    lexel        read → tokenize → stream of codes → detokenize → JPEG       lexel/photo-fsq
    diffusers    the same steps by hand around a `VQModel` of 1.0 million parameters (ours: 1.5) and cells of 8
                 pixels, its codes as int16
    Pillow       JPEG → pixels → JPEG: what the two ends cost alone

All in one run, on one photograph of 0.3 megapixels; ratios are theirs to ours. The weights of `VQModel` are random:
time does not depend on them.
"""

import io
from collections.abc import Callable

import numpy as np
import torch
from diffusers import VQModel
from harness import interleave, report
from PIL import Image

import lexel
from lexel import box
from lexel.autoencoders._discrete import Discrete
from lexel.pictures.picture import Source
from lexel.pictures.read import read

NAME, QUALITY, CELL = "lexel/photo-fsq", 90, 8
PEER = {
    "block_out_channels": (32, 32, 64, 64),
    "down_block_types": ("DownEncoderBlock2D",) * 4,
    "up_block_types": ("UpDecoderBlock2D",) * 4,
    "layers_per_block": 1,
    "latent_channels": 8,
    "num_vq_embeddings": 1024,
    "vq_embed_dim": 8,
    "norm_num_groups": 16,
}


def main() -> None:
    """Time the three ways."""
    model = lexel.load(NAME, device="cpu")
    if not isinstance(model, Discrete):
        raise SystemExit(f"{NAME} has no codes")
    torch.manual_seed(0)
    peer = VQModel(**PEER).eval()
    image = Image.open(box.path("coffee")).convert("RGB")
    width, height = (side // CELL * CELL for side in image.size)
    data = jpeg(np.asarray(image)[:height, :width])
    for name, network in ((NAME, model), ("VQModel", peer)):
        print(f"{name}: {sum(p.numel() for p in network.parameters()):,} parameters")
    ways: dict[str, Callable[[], object]] = {
        "lexel": lambda: ours(model, data),
        "diffusers": lambda: theirs(peer, data),
        "Pillow, JPEG alone": lambda: jpeg(opened(data)),
    }
    rows = interleave("JPEG → codes → JPEG", ways, rounds=5)
    report(rows)
    for row in rows:
        print(f"{row.way:<20} {height * width / row.seconds / 1e6:8.2f} megapixels a second")


def ours(model: Discrete, data: bytes) -> bytes:
    """Through the stream of codes where the model has an entropy coder."""
    tokens = model.tokenize(read(Source("photo", data)))
    [raster] = tokens.grids()
    if model.tables is not None:
        raster = model.tables.decode(model.tables.encode(raster))
    [back] = model.detokenize(tokens.with_(data=raster.reshape(-1)))
    return jpeg(back.pixels)


@torch.inference_mode()
def theirs(peer: VQModel, data: bytes) -> bytes:
    """Codes as int16 between the two halves."""
    pixels = torch.from_numpy(opened(data)).permute(2, 0, 1)[None].float() / 127.5 - 1
    latents = peer.encode(pixels).latents
    _, _, (_, _, codes) = peer.quantize(latents)
    stored = codes.numpy().astype(np.int16).tobytes()
    again = torch.from_numpy(np.frombuffer(stored, np.int16).astype(np.int64))
    shape = (1, *latents.shape[2:], latents.shape[1])
    found = peer.decode(peer.quantize.get_codebook_entry(again, shape), force_not_quantize=True).sample[0]
    return jpeg(((found.clamp(-1, 1) + 1) * 127.5).round().byte().permute(1, 2, 0).numpy())


def opened(data: bytes) -> np.ndarray:
    """Pixels by Pillow alone."""
    return np.array(Image.open(io.BytesIO(data)).convert("RGB"))


def jpeg(pixels: np.ndarray) -> bytes:
    """The file."""
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "jpeg", quality=QUALITY)
    return file.getvalue()


if __name__ == "__main__":
    main()
