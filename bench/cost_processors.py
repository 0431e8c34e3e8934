"""Claim: for 10,000 sizes a model, every open model counts and refuses as its processor of `transformers` does.

    python bench/cost_processors.py                    compare; exit 1 at the first model that differs
    python bench/cost_processors.py --golden FILE      also write the processors' answers for the corner sizes

The sizes are seeded: 51 corners (single pixels, slivers, exact tiles), photographs of up to 4,500 pixels a side, sides
of up to 10,000 drawn evenly on a logarithmic scale, and multiples of tile sides give or take a pixel.
"""

import argparse
import json
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import transformers

TESTS = Path(__file__).parent.parent / "tests"
sys.path.insert(0, str(TESTS))

from costs.cases import CORNERS, Size, ours, sizes  # noqa: E402
from costs.oracles import modelled, tokens_of  # noqa: E402


def compared(model: str, drawn: Sequence[Size]) -> list[tuple[Size, int | None, int | None]]:
    """Print one line for a model; the sizes where it differs: ours, theirs."""
    theirs = tokens_of(model)(drawn)
    start = time.perf_counter()
    counted = [ours(model, size) for size in drawn]
    each = (time.perf_counter() - start) / len(drawn)
    off = [(size, our, their) for size, our, their in zip(drawn, counted, theirs, strict=True) if our != their]
    refused = sum(their is None for their in theirs)
    print(f"{model:20} {len(drawn):6,} sizes  {refused:5,} refused  {len(off):5,} differ  {each * 1e6:5.1f} µs a call")
    return off


def main() -> int:
    """Compare all models."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", type=int, default=10_000, metavar="N", help="sizes a model (default 10,000)")
    parser.add_argument("--golden", type=Path, metavar="FILE", help="write the processors' answers for the corners")
    arguments = parser.parse_args()
    drawn = sizes(arguments.sizes)
    print(f"transformers {transformers.__version__}")
    off = {model: compared(model, drawn) for model in modelled()}
    if arguments.golden:
        table = {model: tokens_of(model)(CORNERS) for model in modelled()}
        lines = [f"  {json.dumps(model)}: {json.dumps(row)}" for model, row in table.items()]
        arguments.golden.write_text(
            f'{{\n  "transformers": "{transformers.__version__}",\n  "sizes": {json.dumps(CORNERS)},\n'
            + ",\n".join(lines)
            + "\n}\n",
            encoding="utf-8",
        )
    for model, differing in off.items():
        for size, our, their in differing[:5]:
            print(f"{model}: {size[0]} × {size[1]}: ours {our}, the processor's {their}")
    return 1 if any(off.values()) else 0


if __name__ == "__main__":
    sys.exit(main())
