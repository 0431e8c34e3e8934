"""Put the trained toy into the package: weights in float16, words, settings, card.

    python ship.py run result.json          writes src/lexel/shipped/emoji-demo/

The card is card.md with the numbers of result.json (see evaluate.py, on the shipped weights: ship, evaluate, ship).
"""

import argparse
import json
import shutil
from pathlib import Path

from safetensors.torch import load_file, save_file

SHIPPED = Path(__file__).parents[2] / "src" / "lexel" / "shipped" / "emoji-demo"
WEIGHTS, SETTINGS = "open_clip_model.safetensors", "open_clip_config.json"


def main() -> None:
    """Files of run/model, smaller."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path, help="what train.py wrote")
    parser.add_argument("result", type=Path, nargs="?", help="what evaluate.py wrote")
    said = parser.parse_args()
    model = said.run / "model"
    SHIPPED.mkdir(exist_ok=True)
    weights = load_file(model / WEIGHTS)
    halves = {name: value.half() if value.is_floating_point() else value for name, value in weights.items()}
    save_file(halves, SHIPPED / WEIGHTS, metadata={"format": "pt"})
    for name in (SETTINGS, "tokenizer_config.json"):
        shutil.copyfile(model / name, SHIPPED / name)
    words = json.loads((model / "tokenizer.json").read_text(encoding="utf-8"))
    (SHIPPED / "tokenizer.json").write_text(json.dumps(words, ensure_ascii=False, separators=(",", ":")), "utf-8")
    if said.result:
        result = json.loads(said.result.read_text(encoding="utf-8"))
        (SHIPPED / "README.md").write_text(card(result), encoding="utf-8")


def card(result: dict[str, dict[str, dict[str, float]]]) -> str:
    """card.md with its tables."""
    text = Path(__file__).with_name("card.md").read_text(encoding="utf-8")
    languages = [language for language in result["noto"] if language != "mean"]
    rows = [
        f"| {name} | "
        + " | ".join(f"{share:.1%}" for style in ("noto", "twitter") for share in result[style][name].values())
        + " |"
        for name in ("en", "mean", *(language for language in languages if language != "en"))
    ]
    photographs = " | ".join(f"{share:.1%}" for share in result["photographs"].values())
    return text.replace("ROWS", "\n".join(rows)).replace("PHOTOGRAPHS", photographs)


if __name__ == "__main__":
    main()
