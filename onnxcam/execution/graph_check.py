"""Checks that a model's graph has the inputs and outputs that its metadata promises, with their types and shapes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from onnxcam.contract import (
    ACTIVATIONS_PREFIX,
    CLASS_INDEX_OUTPUT,
    GRAD_CAM_PREFIX,
    GRADIENTS_PREFIX,
    GUIDED_GRAD_CAM_PREFIX,
    GUIDED_OUTPUT,
    LEVEL_INPUT,
    SCORES_OUTPUT,
    SEED_INPUT,
    TARGET_INPUT,
)
from onnxcam.errors import ModelError
from onnxcam.text import listed, shortened

if TYPE_CHECKING:
    from collections.abc import Iterator

    from onnxruntime import InferenceSession

    from onnxcam.metadata import Metadata

_FLOATS = {"float16", "float32", "float64"}
# The types that ONNX Runtime and numpy call by different names.
_NUMPY_NAMES = {"float": "float32", "double": "float64"}

Shape = tuple[int | None, ...]


@dataclass(frozen=True, slots=True)
class _Promise:
    """An input or output that the metadata promises.

    Attributes:
        name: Its name.
        types: numpy's names of the types that it may have.
        shape: Its sizes; None fits any size.
        stated: Whether the graph must state the same sizes. Otherwise it may leave sizes open.
    """

    name: str
    types: set[str]
    shape: Shape
    stated: bool = False


def check_graph(session: InferenceSession, metadata: Metadata, name: str) -> None:
    """Compares the declared inputs and outputs with the metadata; nothing is run.

    Args:
        session: The model's session.
        metadata: The model's metadata.
        name: The model's name, for error messages.

    Raises:
        ModelError: One is missing or has another type or shape, or a flat model has a level input.
    """
    inputs = {value.name: value for value in (*session.get_inputs(), *session.get_overridable_initializers())}
    outputs = {value.name: value for value in session.get_outputs()}
    for present, promises in ((inputs, list(_inputs(metadata))), (outputs, list(_outputs(metadata)))):
        absent = [promise.name for promise in promises if promise.name not in present]
        if absent:
            raise ModelError(
                f"{name} lacks {listed(sorted(absent))}, which its metadata promises; export the model again"
            )
        for promise in promises:
            _check(promise, present[promise.name], name)
    if not metadata.has_level_input and LEVEL_INPUT in inputs:
        raise ModelError(
            f"{name} has {LEVEL_INPUT}, though its metadata says that it is {metadata.form}; export the model again"
        )


def _inputs(metadata: Metadata) -> Iterator[_Promise]:
    image = metadata.image
    yield _Promise(image.name, {image.dtype}, (image.batch, *image.shape), stated=True)
    if metadata.classes is not None:
        yield _Promise(TARGET_INPUT, {"int64"}, (None,))
    if metadata.has_seeds:
        yield _Promise(SEED_INPUT, {"float32"}, (None, *metadata.shape_of_scores))
    if metadata.has_level_input:
        yield _Promise(LEVEL_INPUT, {"int64"}, ())


def _outputs(metadata: Metadata) -> Iterator[_Promise]:
    image = (None, *metadata.image.shape)
    yield _Promise(SCORES_OUTPUT, _FLOATS, (None, *metadata.shape_of_scores))
    if metadata.classes is not None:
        yield _Promise(CLASS_INDEX_OUTPUT, {"int64"}, (None,))
    for layer in metadata.layers:
        for prefix in (ACTIVATIONS_PREFIX, GRADIENTS_PREFIX):
            yield _Promise(prefix + layer.name, _FLOATS, (None, *layer.shape))
        if metadata.has_seeds:
            yield _Promise(GRAD_CAM_PREFIX + layer.name, _FLOATS, (None, *layer.shape[1:]))
    if metadata.highest > 1:
        yield _Promise(metadata.input_gradient_output, _FLOATS, image)
        if metadata.has_seeds and metadata.input_gradient_output == GUIDED_OUTPUT:
            for layer in metadata.layers:
                yield _Promise(GUIDED_GRAD_CAM_PREFIX + layer.name, _FLOATS, image)


def _check(promise: _Promise, value: Any, name: str) -> None:
    element = value.type.removeprefix("tensor(").removesuffix(")")
    fits = _NUMPY_NAMES.get(element, element) in promise.types and _fits(promise, value.shape)
    if not fits:
        sizes = ", ".join("N" if size is None else str(size) for size in promise.shape)
        declared = shortened(f"{value.type} {value.shape}")
        raise ModelError(
            f"{shortened(promise.name)} of {name} is {declared}, and its metadata promises "
            f"{' or '.join(sorted(promise.types))} [{sizes}]; export the model again"
        )


def _fits(promise: _Promise, declared: list[int | str | None]) -> bool:
    return len(declared) == len(promise.shape) and all(
        # A number in the graph must be the one that is promised; None promises no number.
        size == found or (size is None and not promise.stated)
        if isinstance(found, int)
        # A symbol in the graph, or nothing, fits unless a number must be stated; the batch may always be open.
        else size is None or not promise.stated or axis == 0
        for axis, (size, found) in enumerate(zip(promise.shape, declared, strict=True))
    )
