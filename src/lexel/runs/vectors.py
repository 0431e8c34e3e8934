"""One vector a picture: the same jobs, and the files that the tools of vectors read.

    out/shard-00000.safetensors            what a job writes: one token a picture
    out/img_emb/img_emb_0.npy              float32 [B, E], unit rows                   as clip-retrieval has them
    out/metadata/metadata_0.parquet        image_path, width, height, digest: a row a row of the array

The second and third are made from the first when the job is finished: shard by shard, each file whole or not at all.
"""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from lexel.disk import commit
from lexel.pictures.picture import Picture
from lexel.runs.run import Work
from lexel.shapes import Array, Float
from lexel.tokens.meaning import Space
from lexel.tokens.raster import raster_tokens
from lexel.tokens.stream import read_shards
from lexel.tokens.value import Tokens

Embed = Callable[[Sequence[Picture]], Float[Array, "B E"]]


def one_each(embed: Embed, space: Space) -> Work:
    """Work for a job: each picture as one token over the whole of it, whose data is its vector."""

    def work(pictures: list[Picture]) -> Tokens:
        return raster_tokens(embed(pictures), pictures, [(1, 1)] * len(pictures), space)

    return work


def export(out: Path) -> None:
    """Write arrays and tables beside the shards in `out`. Needs pyarrow (`MissingExtra`); raises `OutputError`."""
    from lexel.needs import pyarrow

    for number, tokens in enumerate(read_shards(out)):
        table = tokens.pictures
        with commit(out / "img_emb" / f"img_emb_{number}.npy") as temporary, open(temporary, "wb") as file:
            np.save(file, tokens.data, allow_pickle=False)
        columns = {
            "image_path": list(table.names),
            "width": table.sizes[:, 1],
            "height": table.sizes[:, 0],
            "digest": list(table.digests),
        }
        with commit(out / "metadata" / f"metadata_{number}.parquet") as temporary:
            pyarrow.parquet.write_table(pyarrow.table(columns), temporary)
