"""The two configurations of an explainer model: its whole contract, and a form whose requests Triton joins.

Triton's ONNX backend takes optional inputs only where ``max_batch_size`` is 0, and refuses an output with fewer rows
than the batch. So the whole contract has no dynamic batching, and the batched form has a fixed level, one row for each
image, and no optional input.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from onnxcam.contract import (
    ACTIVATIONS_PREFIX,
    GRAD_CAM_PREFIX,
    GRADIENTS_PREFIX,
    GUIDED_GRAD_CAM_PREFIX,
    PREFIX,
    SCORES_OUTPUT,
)
from onnxcam.errors import ModelError
from onnxcam.levels import AT_INPUT
from onnxcam.text import listed
from onnxcam.triton.configuration import Configuration, Entry

if TYPE_CHECKING:
    from onnxcam.metadata import Metadata
    from onnxcam.triton.tensors import Signature, Tensor

LABELS_FILE = "labels.txt"


def whole_contract(name: str, signature: Signature, metadata: Metadata) -> Configuration:
    """The configuration of the file as it is: every input and output, a request for a run.

    Args:
        name: The model's name.
        signature: Its inputs and outputs.
        metadata: Its metadata.
    """
    return Configuration(
        name,
        f"{metadata.form}; a request chooses what it asks for.",
        0,
        [_entry(tensor, metadata) for tensor in signature.inputs],
        [_entry(tensor, metadata) for tensor in signature.outputs],
    )


def batched(name: str, signature: Signature, metadata: Metadata, most: int) -> Configuration:
    """The configuration of a form at a fixed level, whose requests Triton joins to batches.

    Args:
        name: The model's name.
        signature: The inputs and outputs of that form; at level 0 of ``adapt``, else of ``with_required_rows``.
        metadata: Its metadata.
        most: The most images in a batch.
    """
    inputs = [tensor for tensor in signature.inputs if not tensor.optional]
    batch = _batch(signature, metadata)
    row = "class" if metadata.classes else "seed"
    each = f", and each request brings one {row}" if any(tensor.name.startswith(PREFIX) for tensor in inputs) else ""
    return Configuration(
        name,
        f"{metadata.form}{each}; requests are joined to batches.",
        most,
        [_row(tensor, metadata) for tensor in inputs],
        [_row(tensor, metadata) for tensor in signature.outputs if _has_rows(tensor, batch, metadata)],
    )


def check_batch(signature: Signature, metadata: Metadata) -> None:
    """Checks that the images of several requests can be one batch.

    Args:
        signature: The inputs and outputs of any form of the model.
        metadata: Its metadata.

    Raises:
        ModelError: An input has a batch of its own, or a fixed one.
    """
    batch = _batch(signature, metadata)
    own = [tensor for tensor in signature.inputs if not tensor.name.startswith(PREFIX)]
    alone = [tensor.name for tensor in own if tensor.axes[:1] != batch or not isinstance(batch[0], str)]
    if alone:
        raise ModelError(
            f"requests cannot be joined to batches, since the first axis of the input {listed(alone)} is not an open "
            "batch; leave the batched form out with --no-batched"
        )


def _batch(signature: Signature, metadata: Metadata) -> tuple[int | str | None, ...]:
    """The name of the batch's axis, in a tuple of one."""
    return next(tensor.axes[:1] for tensor in signature.inputs if tensor.name == metadata.image.name)


def _has_rows(output: Tensor, batch: tuple[int | str | None, ...], metadata: Metadata) -> bool:
    """Whether an output has a row for each image, and is worth its copy: finished maps rather than what makes them."""
    name, level = output.name, metadata.highest_level
    if name.startswith((ACTIVATIONS_PREFIX, GRADIENTS_PREFIX)):
        return level > 0 and not metadata.has_seeds
    if name.startswith(GRAD_CAM_PREFIX):
        return level > 0
    if name.startswith(GUIDED_GRAD_CAM_PREFIX) or name == metadata.input_gradient_output:
        return level >= AT_INPUT
    return name.startswith(PREFIX) or output.axes[:1] == batch


def _entry(tensor: Tensor, metadata: Metadata) -> Entry:
    """A tensor as it is; Triton writes one without axes as [1]."""
    return Entry(tensor.name, tensor.type, tensor.dims or (1,), tensor.optional, labels=_labels(tensor, metadata))


def _row(tensor: Tensor, metadata: Metadata) -> Entry:
    """A tensor without its batch; one number for each image is [1] to clients."""
    dims = tensor.dims[1:]
    return Entry(tensor.name, tensor.type, dims or (1,), reshape=None if dims else (), labels=_labels(tensor, metadata))


def _labels(tensor: Tensor, metadata: Metadata) -> str | None:
    scores = {SCORES_OUTPUT, metadata.score_output}
    return LABELS_FILE if metadata.labels and metadata.classes and tensor.name in scores else None
