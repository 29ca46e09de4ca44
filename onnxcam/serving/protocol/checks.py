"""Checks the tensors of an inference request against a model, before ONNX Runtime sees them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from onnxcam.contract import LEVEL_INPUT, SEED_INPUT, TARGET_INPUT
from onnxcam.errors import TargetError
from onnxcam.serving.exchange.failures import INVALID, RequestError
from onnxcam.serving.protocol.datatypes import datatype_of
from onnxcam.targets.labels import named_class
from onnxcam.text import listed, shortened

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    import numpy.typing as npt

    from onnxcam.execution.tensor_types import TensorType
    from onnxcam.metadata import Metadata

_DEFAULT_TARGET = np.array([-1], np.int64)

Feed = dict[str, "npt.NDArray[Any]"]


def check_inputs(inputs: Mapping[str, npt.NDArray[Any]], takes: Iterable[TensorType]) -> None:
    """Checks that the inputs are those of the model, with their types and shapes.

    Args:
        inputs: The inputs of the request, without the level.
        takes: Those of the model, without the level.

    Raises:
        RequestError: One is missing, unknown, or of another type or shape.
    """
    known = {tensor.name: tensor for tensor in takes}
    unknown = [name for name in inputs if name not in known]
    if unknown:
        raise RequestError(INVALID, f"the model has no input {listed(unknown)}; it takes {listed(known)}")
    missing = [name for name, tensor in known.items() if not tensor.optional and name not in inputs]
    if missing:
        raise RequestError(INVALID, f"input {listed(missing)} is missing")
    for name, array in inputs.items():
        _check(array, known[name])


def with_rows(inputs: Mapping[str, npt.NDArray[Any]], metadata: Metadata, most: int) -> tuple[Feed, int]:
    """The inputs with a target where none is sent, and the number of rows.

    Args:
        inputs: Inputs that ``check_inputs`` has passed.
        metadata: The model's metadata.
        most: The most images, and the most rows.

    Returns:
        The inputs, and M.

    Raises:
        RequestError: There are too many rows, or none, or targets and seeds do not fit the images.
        TargetError: There is no such class or rank.
    """
    feed, images = dict(inputs), len(inputs[metadata.image.name])
    if metadata.classes is not None and TARGET_INPUT not in feed:
        feed[TARGET_INPUT] = _DEFAULT_TARGET
    if metadata.has_seeds and metadata.inputs == "required" and SEED_INPUT not in feed:
        feed[SEED_INPUT] = np.zeros((0, *metadata.shape_of_scores), np.float32)
    targets, seeds = len(feed.get(TARGET_INPUT, ())), len(feed.get(SEED_INPUT, ()))
    for count, what in ((images, "images"), (targets + seeds, "rows to explain")):
        if count > most:
            raise RequestError(INVALID, f"{count} {what} are more than the {most} that this service takes")
    _check_rows(images, targets, seeds, metadata)
    for target in feed.get(TARGET_INPUT, np.zeros(0, np.int64)).tolist():
        named_class(target, metadata.classes or 0, None)
    return feed, max(images, targets + seeds)


def _check(array: npt.NDArray[Any], tensor: TensorType) -> None:
    if tensor.name == LEVEL_INPUT and array.shape == () and array.dtype.name == tensor.dtype:
        return  # it is a scalar, though a client for Triton sends [1]
    same = array.dtype.name == tensor.dtype and len(array.shape) == len(tensor.shape)
    if not same or any(size not in {None, found} for size, found in zip(tensor.shape, array.shape, strict=True)):
        wanted = [-1 if size is None else size for size in tensor.shape]
        raise RequestError(
            INVALID,
            f"input {shortened(tensor.name)} is {datatype_of(tensor.dtype)} {wanted}, not "
            f"{datatype_of(array.dtype.name)} {list(array.shape)}",
        )


def _check_rows(images: int, targets: int, seeds: int, metadata: Metadata) -> None:
    if images == 0:
        raise RequestError(INVALID, f"input {shortened(metadata.image.name)} has no images")
    if metadata.classes is None and seeds == 0:
        return  # the scores alone
    if images == 1:
        fits = targets + seeds > 0
    else:
        fits = (targets in {1, images} and seeds == 0) or (targets == 0 and seeds == images)
    if not fits:
        raise TargetError(
            f"{targets} targets and {seeds} seeds do not fit {images} images; send one target for all, one target or "
            "one seed for each, or any number for one image"
        )
