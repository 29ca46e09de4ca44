"""The output of a job and the folder beside it, in which an interrupted job keeps what it has done."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.dataset
import pyarrow.parquet
from pyarrow import fs

from onnxcam.batch.files import opened, reason_of
from onnxcam.bulk.columns import ID
from onnxcam.bulk.sources import is_uri
from onnxcam.errors import OutputError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_SETTINGS = "settings.json"


@dataclass(frozen=True, slots=True)
class Place:
    """Where a job writes.

    Attributes:
        output: The folder of Parquet files: a path or a URI.
    """

    output: str

    @classmethod
    def named(cls, text: str) -> Place:
        """The place that a user names.

        Raises:
            OutputError: The name is empty.
        """
        if not text.strip("/"):
            raise OutputError("the name of the output is empty; name a folder that will hold Parquet files")
        return cls(text.rstrip("/") if is_uri(text) else str(Path(text).absolute()))

    @property
    def state(self) -> str:
        """The folder beside the output, with the settings, the list of images and Ray's checkpoints."""
        return f"{self.output}.state"

    @property
    def checkpoint(self) -> str:
        """The folder of Ray's checkpoints."""
        return f"{self.state}/done"

    def begin(self, settings: Mapping[str, Any]) -> bool:
        """Takes the place for a job, or takes up an interrupted one.

        Args:
            settings: What the rows depend on.

        Returns:
            Whether there was such a job.

        Raises:
            OutputError: There is something else, or a job with other settings; or it cannot be written.
        """
        filesystem, state = opened(self.state)
        path = f"{state}/{_SETTINGS}"
        try:
            if filesystem.get_file_info(path).type == fs.FileType.File:
                self._check(json.loads(filesystem.open_input_stream(path).readall()), settings)
                return True
            if filesystem.get_file_info(opened(self.output)[1]).type != fs.FileType.NotFound:
                raise OutputError(f"{self.output} exists, and no job of onnxcam batch wrote it; name another output")
            filesystem.create_dir(state, recursive=True)
            with filesystem.open_output_stream(path) as stream:
                stream.write(json.dumps(dict(settings)).encode())
        except (pa.ArrowException, OSError, ValueError) as error:
            raise OutputError(f"cannot write {self.output}: {reason_of(error)}") from error
        return False

    def _check(self, before: Mapping[str, Any], now: Mapping[str, Any]) -> None:
        for name, value in now.items():
            if before.get(name) != value:
                raise OutputError(
                    f"{self.output} was begun with another {name}, {before.get(name)} and not {value}; give the same, "
                    f"or name another output"
                )

    def write_list(self, paths: Sequence[str]) -> str:
        """Writes the list of images, which Ray reads.

        Returns:
            The file.
        """
        filesystem, state = opened(self.state)
        pyarrow.parquet.write_table(pa.table({ID: list(paths)}), f"{state}/images.parquet", filesystem=filesystem)
        return f"{self.state}/images.parquet"

    def count(self) -> tuple[int, int, int]:
        """The numbers of images, rows, and rows with an error in the output."""
        filesystem, output = opened(self.output)
        if filesystem.get_file_info(output).type == fs.FileType.NotFound:
            return 0, 0, 0
        rows = pyarrow.dataset.dataset(output, filesystem=filesystem, format="parquet")
        found = rows.to_table(columns=[ID, "error"])
        return len(found[ID].unique()), len(found), len(found) - found["error"].null_count
