"""Write the 200 drawings that come with lexel: one sheet, and what is said of each in three languages.

    python sheet.py drawings          writes src/lexel/shipped/drawings.webp and drawings.json

    drawings.webp   20 × 10 drawings of 64 × 64, in the order of the list        Noto, Apache-2.0
    drawings.json   name, and label and tags by language                         emojibase, MIT

Which 200: those named below, which the demo asks for; the others are drawn by lot from all base drawings, with a seed.
Another version of Pillow may give other bytes.
"""

import argparse
import json
from pathlib import Path
from random import Random

from PIL import Image

COLUMNS, ROWS, SIDE = 20, 10, 64
LANGUAGES = ("en", "de", "ja")
WANTED = """
1f436 1f431 1f42d 1f430 1f984 1f40d 1f422 1f338 1f33b 1f335 1f332 1f344 1f34e 1f34c 1f353 1f355 1f354 1f370
2615 1f37a 1f377 1f697 1f68c 1f682 2708-fe0f 1f6b2 26f5 1f680 1f3e0 1f3f0 1f5fc 26bd 1f3c0 1f3b8 1f3b9 1f941
2600-fe0f 1f319 2b50 1f308 2744-fe0f 1f525 2764-fe0f 1f494 1f600 1f622 1f621 1f634 1f47b 1f480 1f916 1f385
1f451 1f48e 1f511 1f4da 1f4bb 1f4f7 1f4de 2702-fe0f 1f528 1f6d2 1f9f2 1f9ca 1f468-200d-1f33e 1f469-200d-1f33e
1f468-200d-1f373 1f469-200d-1f373 1f468-200d-1f680 1f469-200d-1f680 1f468 1f469 1f1e9-1f1ea 1f1ef-1f1f5
1f1eb-1f1f7 1f1e7-1f1f7
"""
SHIPPED = Path(__file__).parents[2] / "src" / "lexel" / "shipped"


def main() -> None:
    """Sheet and list."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("drawings", type=Path, help="what prepare.py wrote")
    folder = parser.parse_args().drawings
    table = json.loads((folder / "captions.json").read_text(encoding="utf-8"))
    wanted = WANTED.split()
    others = sorted(name for name, facts in table.items() if facts["of"] is None and name not in wanted)
    names = sorted([*wanted, *Random(0).sample(others, COLUMNS * ROWS - len(wanted))])  # noqa: S311  # not for secrets
    sheet = Image.new("RGBA", (COLUMNS * SIDE, ROWS * SIDE))
    for place, name in enumerate(names):
        drawing = Image.open(folder / "noto" / f"{name}.png").convert("RGBA")
        sheet.paste(drawing, (place % COLUMNS * SIDE, place // COLUMNS * SIDE))
    sheet.save(SHIPPED / "drawings.webp", quality=90, method=6)
    said = {name: {language: table[name]["said"][language] for language in LANGUAGES} for name in names}
    lines = [f"{json.dumps(name)}: {json.dumps(facts, ensure_ascii=False)}" for name, facts in said.items()]
    (SHIPPED / "drawings.json").write_text("{\n" + ",\n".join(lines) + "\n}\n", encoding="utf-8")


if __name__ == "__main__":
    main()
