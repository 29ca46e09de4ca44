"""The results of each image as a line of JSON, so that an evaluation that was interrupted can go on."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING

from onnxcam.errors import EvaluationError
from onnxcam.evaluation.conventions import Metric
from onnxcam.line_files import LineFile, begins_with, whole_lines
from onnxcam.strict_json import InvalidJsonError, decoded
from onnxcam.version import __version__

if TYPE_CHECKING:
    from collections.abc import Collection
    from pathlib import Path

SCHEMA = 1
_START = b'{"key": {"image": "'


@dataclass(slots=True)
class Measured:
    """The numbers of one map of one image.

    Attributes:
        metrics: By metric; pointing and energy are missing where it is not known where the object is.
        deletion: The curve, or none.
        insertion: The curve, or none.
    """

    metrics: dict[Metric, float] = field(default_factory=dict)
    deletion: list[float] = field(default_factory=list)
    insertion: list[float] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Key:
    """What a result depends on.

    Attributes:
        image: The SHA-256 of the image's file.
        model: The SHA-256 of the model's file and its external data.
        settings: A hash of the convention and the layer.
        objects: A hash of where the objects are and what they are; empty if that is not known.
    """

    image: str
    model: str
    settings: str
    objects: str = ""


@dataclass(frozen=True, slots=True)
class Record:
    """The results of one image.

    Attributes:
        key: What they depend on.
        image: The image's file.
        c: The class that is explained.
        label: Its name.
        probability: Of the class.
        region: The share of the model's input that the objects cover; None if that is not known.
        maps: The numbers of each method and baseline.
        onnxcam: The version that measured.
        schema: Of this record.
    """

    key: Key
    image: str
    c: int
    label: str
    probability: float
    region: float | None
    maps: dict[str, Measured]
    onnxcam: str = __version__
    schema: int = SCHEMA


class Records:
    """The results in a file of JSON lines, to which new ones are added."""

    def __init__(self, path: Path) -> None:
        """Reads what is there.

        Args:
            path: The file, which need not exist.

        Raises:
            EvaluationError: It cannot be read, or holds something else.
        """
        self._path = path
        self._found: dict[Key, Record] = {}
        try:
            lines = list(whole_lines(path))
            is_ours = bool(lines) or begins_with(path, _START)
        except OSError as error:
            raise EvaluationError(f"cannot read {path}: {error.strerror or error}") from error
        if not is_ours:
            raise self._foreign(1, "it begins otherwise")
        for number, line in lines:
            self._read(line, number)

    def get(self, key: Key, maps: Collection[str]) -> Record | None:
        """The result of an image, if it is there with all maps that are wanted."""
        record = self._found.get(key)
        return record if record is not None and set(maps) <= record.maps.keys() else None

    def add(self, record: Record) -> None:
        """Adds a result.

        Raises:
            OutputError: The file cannot be written.
        """
        with LineFile(self._path) as file:
            file.add(json.dumps(asdict(record), allow_nan=False).encode())
        self._found[record.key] = record

    def _read(self, line: bytes, number: int) -> None:
        try:
            record = decoded(line, Record)
        except InvalidJsonError as error:
            raise self._foreign(number, error) from None
        if record.schema == SCHEMA:
            self._found[record.key] = record

    def _foreign(self, number: int, why: object) -> EvaluationError:
        return EvaluationError(
            f"line {number} of {self._path} is no result of 'onnxcam evaluate' ({why}); name another folder"
        )
