"""One vector a picture: the same jobs, in the files that the tools of vectors read.

out/metadata/metadata_0.parquet        image_path, width, height, digest: a row a row of the array
out/img_emb/img_emb_0.npy              float32 [B, E], unit rows                   as clip-retrieval has them
out/shard-00000.inputs.jsonl           what became of the inputs of these two, written last
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
from lexel.tokens.stream import Shards
from lexel.tokens.value import Tokens

Embed = Callable[[Sequence[Picture]], Float[Array, "B E"]]


def one_each(embed: Embed, space: Space) -> Work:
    """Work for a job: each picture as one token over the whole of it, whose data is its vector."""

    def work(pictures: list[Picture]) -> Tokens:
        return raster_tokens(embed(pictures), pictures, [(1, 1)] * len(pictures), space)

    return work


class Vectors(Shards):
    """Shards of tokens that are one each picture: a table and an array. Needs pyarrow (`MissingExtra`)."""

    def files(self, number: int) -> tuple[Path, ...]:
        """The table, then the array."""
        table = self.folder / "metadata" / f"metadata_{number}.parquet"
        return table, self.folder / "img_emb" / f"img_emb_{number}.npy"

    def write(self, tokens: Tokens, number: int) -> None:
        """Write both, each whole or not at all. Raises `OutputError`."""
        from lexel.needs import pyarrow

        table, array = self.files(number)
        columns = {
            "image_path": list(tokens.pictures.names),
            "width": tokens.pictures.sizes[:, 1],
            "height": tokens.pictures.sizes[:, 0],
            "digest": list(tokens.pictures.digests),
        }
        with commit(table) as temporary:
            pyarrow.parquet.write_table(pyarrow.table(columns), temporary)
        with commit(array) as temporary, open(temporary, "wb") as file:
            np.save(file, tokens.data, allow_pickle=False)

    def clear(self) -> None:
        """Remove every table and array, and what lies beside them."""
        super().clear()
        for old in [*self.folder.glob("metadata/metadata_*"), *self.folder.glob("img_emb/img_emb_*")]:
            old.unlink()

    def nothing(self) -> None:
        """An array does not say what space it is of."""
