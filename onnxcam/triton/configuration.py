"""The text of a ``config.pbtxt``, by Triton's model_config.proto.

https://github.com/triton-inference-server/common/blob/main/protobuf/model_config.proto
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

MARK = "# Written by onnxcam"


@dataclass(frozen=True, slots=True)
class Entry:
    """An input or output in a configuration.

    Attributes:
        name: Its name.
        type: Its type, such as ``TYPE_FP32``.
        dims: The sizes that clients see, without the batch if the model is batched.
        optional: Whether a request may leave it out.
        reshape: The sizes that the model has, where they differ.
        labels: The file with a class name a line, for the classification extension.
    """

    name: str
    type: str
    dims: Sequence[int]
    optional: bool = False
    reshape: Sequence[int] | None = None
    labels: str | None = None


@dataclass(frozen=True, slots=True)
class Configuration:
    """The configuration of one model.

    Attributes:
        name: The model's name, which is that of its folder.
        remark: A line about the model, for those who read the file.
        batch: The most requests in a batch; 0 where a request is run as it is.
        inputs: The inputs.
        outputs: The outputs. Triton computes and copies them all, whichever a client asks for.
    """

    name: str
    remark: str
    batch: int
    inputs: Sequence[Entry]
    outputs: Sequence[Entry]

    @property
    def text(self) -> str:
        """The file."""
        return "\n".join(self._lines()) + "\n"

    def _lines(self) -> Iterator[str]:
        yield f"{MARK}: {self.remark}"
        yield f"name: {quoted(self.name)}"
        yield 'backend: "onnxruntime"'
        yield f"max_batch_size: {self.batch}"
        if self.batch:
            yield "dynamic_batching { }"
        for entry in self.inputs:
            yield from _block("input", entry)
        for entry in self.outputs:
            yield from _block("output", entry)


def _block(kind: str, entry: Entry) -> Iterator[str]:
    yield f"{kind} {{"
    yield f"  name: {quoted(entry.name)}"
    yield f"  data_type: {entry.type}"
    yield f"  dims: {list(entry.dims)}"
    if entry.reshape is not None:
        yield f"  reshape {{ shape: {list(entry.reshape)} }}"
    if entry.optional:
        yield "  optional: true"
    if entry.labels is not None:
        yield f"  label_filename: {quoted(entry.labels)}"
    yield "}"


def quoted(text: str) -> str:
    """A string of protobuf's text format, in which JSON's escapes of quotes and backslashes are the same.

    Other characters than ASCII stay as they are: the format is UTF-8.
    """
    return json.dumps(text, ensure_ascii=False)
