"""The start of a process → its first vector, from a folder with a whole CLIP B/32 of 605 MB.

    python bench/cold_start.py [--json FILE]

Each round starts fresh interpreters, in turn. Both libraries load the image half, read one JPEG and embed it. What
`import torch` takes alone stands beside them: neither can be faster.
"""

import os
import subprocess
import sys
from tempfile import TemporaryDirectory

import torch
from harness import interleave, report
from transformers import CLIPConfig, CLIPImageProcessorPil, CLIPModel

from lexel import box

TRANSFORMERS = """
import torch
from PIL import Image
from transformers import CLIPImageProcessorPil, CLIPVisionModelWithProjection
model = CLIPVisionModelWithProjection.from_pretrained({folder!r})
processor = CLIPImageProcessorPil.from_pretrained({folder!r})
with torch.inference_mode():
    model(**processor(Image.open({photo!r}), return_tensors="pt")).image_embeds
"""
LEXEL = """
import lexel
lexel.load({folder!r}, part="image").embed(lexel.read({photo!r}))
"""
LEXEL_WHOLE = """
import lexel
lexel.load({folder!r}).embed(lexel.read({photo!r}))
"""


def main() -> None:
    """Write the folder, then start processes."""
    with TemporaryDirectory() as folder:
        model = CLIPModel(CLIPConfig(vision_config={"patch_size": 32})).requires_grad_(False)
        for parameter in model.parameters():
            parameter += 0.02 * torch.randn_like(parameter)
        model.save_pretrained(folder)
        CLIPImageProcessorPil().save_pretrained(folder)
        scripts = {
            "transformers": TRANSFORMERS,
            "lexel": LEXEL,
            "lexel, words too": LEXEL_WHOLE,
            "import torch": "import torch",
        }
        photo = str(box.path("astronaut"))
        ways = {
            name: lambda code=code: python(code.format(folder=folder, photo=photo)) for name, code in scripts.items()
        }
        report(interleave("process start → first vector", ways, rounds=5))


def python(code: str) -> None:
    """A fresh interpreter that may keep byte code, as an installed package has it, and asks no network."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    environment |= {"HF_HUB_OFFLINE": "1"}
    command = [sys.executable, "-c", code]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=environment)


if __name__ == "__main__":
    main()
