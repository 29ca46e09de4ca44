"""The images of a source as a Ray dataset: a list of paths, or a table of Parquet."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.dataset
import ray.data

from onnxcam.batch.files import listed, opened, reason_of
from onnxcam.bulk.columns import ID
from onnxcam.errors import PictureError
from onnxcam.text import listed as words

if TYPE_CHECKING:
    from ray.data import Dataset

    from onnxcam.batch.place import Place
    from onnxcam.bulk.sources import Source

BYTES = "bytes"


@dataclass(frozen=True, slots=True)
class Images:
    """The images of a job.

    Attributes:
        count: Their number.
        paths: Their paths, if they are files.
        tables: The files of Parquet that hold them, else.
        column: The column of these that holds the bytes.
    """

    count: int
    paths: list[str] | None = None
    tables: list[str] | None = None
    column: str = BYTES

    def dataset(self, place: Place) -> Dataset:
        """The dataset, with ``path`` and, of a table, ``bytes``.

        Args:
            place: The output, beside which the list of files is kept: Ray's checkpoints need a file to start from.
        """
        if self.paths is not None:
            return ray.data.read_parquet(place.write_list(self.paths))
        read = ray.data.read_parquet(self.tables, columns=[ID, self.column])
        return read if self.column == BYTES else read.rename_columns({self.column: BYTES})


def found(source: Source, column: str | None = None) -> Images:
    """Looks for the images of a source.

    Args:
        source: The source.
        column: The column of a table that holds paths or bytes; None is ``bytes`` if there is one, else ``path``.

    Raises:
        PictureError: There are none, or the table has no such column.
    """
    files = listed(source)
    if not source.is_table:
        return Images(len(files), files)
    filesystem, _ = opened(files[0])
    try:
        table = pyarrow.dataset.dataset([opened(file)[1] for file in files], filesystem=filesystem, format="parquet")
        column = column or (BYTES if BYTES in table.schema.names else ID)
        kind = _kind(table.schema, column, source.base)
        if kind is str:
            paths = table.to_table(columns=[column])[column].to_pylist()
            return Images(len(paths), paths)
        _kind(table.schema, ID, source.base)  # which names the bytes
        return Images(table.count_rows(), tables=files, column=column)
    except (pa.ArrowException, OSError) as error:
        raise PictureError(f"cannot read {source.base} as Parquet: {reason_of(error)}") from error


def _kind(schema: pa.Schema, column: str, name: str) -> type[str | bytes]:
    """The kind of a column: paths or bytes.

    Raises:
        PictureError: There is no such column, or it holds something else.
    """
    if column not in schema.names:
        hint = "which names each image" if column == ID else "see --column"
        raise PictureError(f"{name} has no column {column}, {hint}; it has {words(schema.names)}")
    kind = schema.field(column).type
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        return str
    if pa.types.is_binary(kind) or pa.types.is_large_binary(kind):
        return bytes
    raise PictureError(f"the column {column} of {name} holds {kind}, neither paths nor the bytes of images")
