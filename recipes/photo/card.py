"""The cards of the photo vocabularies: what they are, what they learned from, and what evaluate.py found."""

from typing import TypeAlias

Found: TypeAlias = dict[str, dict[str, dict[str, float]]]  # by picture, by method: numbers by name

TITLES = {
    "photo-fsq": "12,800 codes of 8 × 8 pixels (FSQ)",
    "photo-vq": "4,096 codes of 8 × 8 pixels (VQ)",
    "photo-vae": "8 numbers for 8 × 8 pixels (VAE)",
}
USE = {
    "photo-fsq": 'codes = model.tokenize(lexel.read("photo.jpg"))  # 1 code a cell: integers below 12,800',
    "photo-vq": 'codes = model.tokenize(lexel.read("photo.jpg"))  # 1 code a cell: integers below 4,096',
    "photo-vae": 'latents = model.tokenize(lexel.read("photo.jpg"))  # 8 numbers a cell',
}
NAMES = {
    "photo-fsq": "`fsq(8, 8, 8, 5, 5)`: five numbers of 8 or 5 levels each; no codebook that is learned.",
    "photo-vq": "`vq(8, codebook_size=4096)`: the nearest of 4,096 learned vectors; `lexel/photo-prior` draws them.",
    "photo-vae": "Mean and variance of 8 numbers; the divergence weighs 10⁻⁴, so that pictures stay sharp.",
}


def card(name: str, found: Found) -> str:
    """The text of README.md."""
    return f"""---
license: cc0-1.0
library_name: lexel
tags: [image-tokenizer]
---

# lexel/{name}

Photographs as {TITLES[name]}, with 1.5 million parameters, trained on one core of a processor. It comes with lexel, so
that commands, documentation and tests of visual vocabularies work without a network. It is small and honest, and no
match for published ones of a hundred times its size: see the table.

```python
import lexel

model = lexel.load("lexel/{name}")  # no network
{USE[name]}
back = model.detokenize({USE[name].split(" =")[0]})
```

## What it is

A light encoder and decoder (`lexel.autoencoders._light`): pixels folded by 4, one block at 4 × 4 pixels a place, three
at 8 × 8, norms over channels. {NAMES[name]}
Stored in float16, computed in float32 on the CPU. Sides of at most 1,024 pixels, unless `size=` says otherwise.

## What it learned from

Twelve photographs that scikit-image 0.26 bundles and whose docstrings state the public domain or CC0 (astronaut, brick,
camera, cell, chelsea, clock_motion, coffee, grass, gravel, hubble_deep_field, microaneurysms, retina), and drawn
pictures of overlapping leaves with textures. Nothing else. Recipe: `recipes/photo`. The weights are CC0 1.0.

## How well it does

Two photographs of scikit-learn that it never learned from, 640 × 427 pixels; PSNR in dB of bytes, SSIM with flat
windows. Codecs are the best of as many bits, of a smaller copy where that is better; and the best quality within 0.16
bits a pixel, or with an asterisk quality 1, which needs more. What has codes was written to a stream, bytes of its
header included, and measured after it was read. What has none counts 16 bits a number.

{table(name, found)}

Made by `python recipes/photo/evaluate.py result.json`.

## Limits

It saw twelve photographs. Faces and letters come out blurred, fine texture comes out flat, and colours that it hardly
saw come out duller than they are. It learned nothing of people, places or names.
"""


def table(name: str, found: Found) -> str:
    """A row for each method, the numbers of each picture beside each other."""
    if not (pictures := list(found)):
        return "Not measured yet."
    head = "| | " + " | ".join(f"{picture}: bits a pixel | PSNR | SSIM" for picture in pictures) + " |"
    rows = [head, "|---" * (1 + 3 * len(pictures)) + "|"]
    for method in found[pictures[0]]:
        cells = [cell for picture in pictures for cell in _cells(found[picture][method])]
        said = f"**{method}**" if method == name else method
        rows.append(f"| {said} | {' | '.join(cells)} |")
    return "\n".join(rows)


def _cells(scores: dict[str, float]) -> list[str]:
    rate = scores["bits a pixel"]
    over = "*" if scores.get("quality") == 1 and rate > 0.16 else ""
    return [f"{rate:.3f}{over}", f"{scores['PSNR']:.2f}", f"{scores['SSIM']:.3f}"]
