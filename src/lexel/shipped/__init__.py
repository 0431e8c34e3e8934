"""What comes with lexel to try it offline: small models, and drawings that the toy among them knows.

    emoji-demo/      lexel/emoji-demo: card, settings, words, weights in float16
    photo-fsq/ …     lexel/photo-fsq, photo-vq, photo-vae, photo-prior: card, settings, weights, tables of streams
    drawings.webp    200 drawings of 64 × 64, twenty a row
    drawings.json    their names in that order, and label and tags of each in three languages

Whose they are and under which licence stands in `LICENCES.md` beside them, how they were made in `recipes/`.
"""

from pathlib import Path

FOLDER = Path(__file__).parent  # wheels are installed unpacked, so that a model is always a folder

# Models that show how things work and nothing else, and why nobody should believe what they say.
TOYS = {"lexel/emoji-demo": "it learned 1,911 small drawings, and knows nothing of photographs"}


def models() -> dict[str, Path]:
    """The folder of each model that comes with lexel, by the name that loads it without the network."""
    return {f"lexel/{path.name}": path for path in sorted(FOLDER.iterdir()) if (path / "README.md").is_file()}
