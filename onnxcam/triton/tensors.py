"""The inputs and outputs of a model, with the types that Triton gives them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from onnxcam.errors import ModelError

if TYPE_CHECKING:
    from onnxruntime import InferenceSession

# ONNX Runtime's names of element types, and those of Triton's model_config.proto.
TYPES = {
    "bool": "TYPE_BOOL",
    "uint8": "TYPE_UINT8",
    "uint16": "TYPE_UINT16",
    "uint32": "TYPE_UINT32",
    "uint64": "TYPE_UINT64",
    "int8": "TYPE_INT8",
    "int16": "TYPE_INT16",
    "int32": "TYPE_INT32",
    "int64": "TYPE_INT64",
    "float16": "TYPE_FP16",
    "bfloat16": "TYPE_BF16",
    "float": "TYPE_FP32",
    "double": "TYPE_FP64",
    "string": "TYPE_STRING",
}


@dataclass(frozen=True, slots=True)
class Tensor:
    """An input or output.

    Attributes:
        name: Its name.
        type: Triton's name of its element type.
        axes: Its sizes; a name, or None, where the size is open.
        optional: Whether a request may leave it out.
    """

    name: str
    type: str
    axes: tuple[int | str | None, ...]
    optional: bool = False

    @property
    def dims(self) -> tuple[int, ...]:
        """Its sizes as Triton writes them: -1 where the size is open."""
        return tuple(size if isinstance(size, int) else -1 for size in self.axes)


@dataclass(frozen=True, slots=True)
class Signature:
    """The inputs and outputs of a model, in the model's order; the inputs that have a default come last."""

    inputs: tuple[Tensor, ...]
    outputs: tuple[Tensor, ...]

    @classmethod
    def of(cls, session: InferenceSession) -> Signature:
        """Reads them from a session; outputs that a fixed level never gives are left out, since Triton has no size 0.

        Raises:
            ModelError: One has a type that Triton has not.
        """
        required = (_tensor(value) for value in session.get_inputs())
        optional = (_tensor(value, optional=True) for value in session.get_overridable_initializers())
        given = (value for value in session.get_outputs() if 0 not in value.shape)
        return cls((*required, *optional), tuple(map(_tensor, given)))


def _tensor(value: Any, *, optional: bool = False) -> Tensor:
    element = value.type.removeprefix("tensor(").removesuffix(")")
    if element not in TYPES:
        raise ModelError(f"Triton has no type for {value.name}, which is {value.type}; export a model without it")
    return Tensor(value.name, TYPES[element], tuple(value.shape), optional)
