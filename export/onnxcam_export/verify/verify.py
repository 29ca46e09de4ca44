"""Runs an artifact in ONNX Runtime, compares it with a reference, and makes its golden check."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from onnxcam import cam, contract
from onnxcam.execution.engine import first_line
from onnxcam.execution.golden import answers, golden_input, relative_error
from onnxcam.execution.model import LoadedModel, Request
from onnxcam.metadata import Golden, Metadata, Verification
from onnxcam.targets.rows import any_target, resolve
from onnxcam_export.errors import ExportError, ParityError
from onnxcam_export.graph.session import open_file
from onnxcam_export.verify.comparison import Array, Comparison
from onnxcam_export.verify.inputs import noise, ones

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    import onnxruntime as ort

    from onnxcam_export.verify.reference import Reference

# Of finished maps against NumPy. Both sum the same float32 numbers in another order. Where large ones cancel, as in
# GoogLeNet with random weights, 3e-5 was seen.
PRODUCT_TOLERANCE = 1e-3
# The forward pass is the same, and only the matrix products of the gradient have another number of rows.
ROWS, ROWS_ALLOWED = "each target's row alone", 1e-2
# Errors allowed on other machines and providers; GPUs compute convolutions with 10-bit mantissas (TF32) by default.
GOLDEN_TOLERANCES = {"scores": 5e-3, "grad_cam": 1e-2, "guided_backprop": 5e-2}


def session(path: Path) -> ort.InferenceSession:
    """The artifact in ONNX Runtime on the CPU.

    Raises:
        ExportError: ONNX Runtime cannot run it.
    """
    try:
        return open_file(path)
    except Exception as error:  # its exceptions have no common base
        reason = first_line(error)
        if "bad_alloc" in reason:
            raise ExportError("there is not enough memory to load the model in ONNX Runtime and verify it") from error
        raise ExportError(
            f"ONNX Runtime cannot run the model: {reason}; convert the model to float32 first if it has another type"
        ) from error


def verify(path: Path, metadata: Metadata, reference: Reference) -> Verification:
    """Compares the artifact's outputs for two images with a row each, and for one image with two classes and a seed.

    The rows of scores that are not [N, C] are random seeds.

    Args:
        path: The artifact.
        metadata: Its metadata.
        reference: The reference that it must agree with.

    Raises:
        ParityError: An output differs by more than its tolerance.
    """
    run = session(path)
    outputs = [output.name for output in run.get_outputs()]
    total = Comparison()
    for index, (inputs, target, seed) in enumerate(_batches(run, metadata)):
        try:
            got = _run(run, outputs, inputs | controls(metadata, target, seed, metadata.highest))
        except ParityError:
            reference.require_runs(inputs)  # if that fails too, the fault is there
            raise
        # The original outputs are compared as a caller gets them who does not know of onnxcam: at level 0.
        original = [name for name in outputs if not name.startswith("onnxcam.")]
        got |= _run(
            run, original, inputs | ({} if metadata.inputs == "optional" else controls(metadata, target, seed, 0))
        )
        found = reference.compare(inputs, _cotangents(metadata, target, seed), got, thorough=index == 0)
        _compare_products(found, metadata, got)
        if len(inputs[metadata.image.name]) < len(target) + len(seed):
            alone = [_run(run, outputs, inputs | given) for given in _each_row(metadata, target, seed)]
            _compare_rows(found, got, alone)
        _require_parity(found, reference.name)
        total.include(found)
    return Verification(reference.name, total.errors, total.tolerances, tuple(total.notes))


def _batches(run: ort.InferenceSession, metadata: Metadata) -> Iterator[tuple[dict[str, Array], list[int], Array]]:
    """The original inputs, the classes and the seeds to explain, for each batch that a fixed batch size allows."""
    generator = np.random.default_rng(0)
    batch = metadata.image.batch or 2
    images = noise(generator, (batch, *metadata.image.shape), metadata.image.dtype)
    for image, count in ((images, batch), (images[:1], 3)):
        if metadata.image.batch not in {None, len(image)}:
            continue
        seeds = 1 if len(image) < count else 0
        classes = [] if metadata.classes is None else generator.integers(0, metadata.classes, count - seeds).tolist()
        seed = generator.standard_normal((count - len(classes), *metadata.shape_of_scores)).astype(np.float32)
        given = {metadata.image.name, contract.TARGET_INPUT, contract.SEED_INPUT, contract.LEVEL_INPUT}
        yield {metadata.image.name: image, **ones(run, given, len(image))}, classes, seed


def _cotangents(metadata: Metadata, target: list[int], seed: Array) -> Array:
    """The rows of v that are explained, [M, *score shape]."""
    rows = np.zeros((len(target), *metadata.shape_of_scores), np.float32)
    rows[range(len(target)), target] = 1
    return np.concatenate([rows, seed])


def _compare_products(found: Comparison, metadata: Metadata, got: Mapping[str, Any]) -> None:
    """Compares the finished maps with the same formulas in NumPy, from the artifact's own ingredients."""
    for layer in metadata.layers:
        a, g = (got[prefix + layer.name] for prefix in (contract.ACTIVATIONS_PREFIX, contract.GRADIENTS_PREFIX))
        maps = cam.grad_cam(a, g)
        name, product = contract.GRAD_CAM_PREFIX + layer.name, contract.GUIDED_GRAD_CAM_PREFIX + layer.name
        found.add(name, relative_error(got[name], maps), PRODUCT_TOLERANCE)
        if product in got:
            expected = cam.guided_grad_cam(got[contract.GUIDED_OUTPUT], maps, layout=metadata.image.layout)
            found.add(product, relative_error(got[product], expected), PRODUCT_TOLERANCE)


def _each_row(metadata: Metadata, target: list[int], seed: Array) -> Iterator[dict[str, Array]]:
    """The inputs that ask for each row alone."""
    for index in range(len(target)):
        yield controls(metadata, target[index : index + 1], seed[:0], metadata.highest)
    for index in range(len(seed)):
        yield controls(metadata, [], seed[index : index + 1], metadata.highest)


def _compare_rows(found: Comparison, got: Mapping[str, Any], alone: Sequence[Mapping[str, Any]]) -> None:
    """Compares the rows of several targets with those of one target each, which no other row can have changed."""
    gradients = (contract.GRADIENTS_PREFIX, contract.GUIDED_OUTPUT, contract.INPUT_GRADIENTS_OUTPUT)
    for name in filter(lambda name: name.startswith(gradients), got):
        errors = [relative_error(got[name][row], one[name][0]) for row, one in enumerate(alone)]
        found.add(ROWS, max(errors), ROWS_ALLOWED)


def _require_parity(found: Comparison, name: str) -> None:
    for output, error in found.errors.items():
        if math.isinf(error):
            raise ParityError(
                f"{output} cannot be compared with {name}, since one of the two is not finite, and the model is not "
                "written; a root or a norm of zero has no finite derivative: add a small number under it in the model"
            )
        if not error <= found.tolerances[output]:
            raise ParityError(
                f"{output} differs from {name} by {error:.1e} (relative L2), more than the "
                f"{found.tolerances[output]:.0e} allowed, so the model is not written; look at what differs with "
                "verify=False (--no-verify), and please report it with the model"
            )


def _run(run: ort.InferenceSession, outputs: list[str], inputs: Mapping[str, Array]) -> dict[str, Any]:
    """The artifact's outputs by name."""
    try:
        return dict(zip(outputs, run.run(outputs, dict(inputs)), strict=True))
    except Exception as error:  # ONNX Runtime's exceptions have no common base
        sizes = ", ".join(f"{name} {list(value.shape)}" for name, value in inputs.items())
        reason = " ".join(str(error).split())
        raise ParityError(
            f"the artifact does not run on {sizes}: {reason}; if the original does, please report it with the model"
        ) from error


def golden(path: Path, metadata: Metadata) -> Golden:
    """Makes the golden check: the artifact's outputs for the golden input. The file must have its metadata already."""
    model = LoadedModel(path, ["cpu"])
    image = golden_input((metadata.image.batch or 1, *metadata.image.shape), metadata.image.dtype)
    (rows,) = resolve(any_target(metadata), 1, metadata)
    best = int(model.explain({metadata.image.name: image}, rows, Request()).scores[0].argmax())
    layer = metadata.layers[0].name
    measured = answers(model, best, layer)
    tolerances = {name: GOLDEN_TOLERANCES[name] for name in measured}
    return Golden(
        best, measured["scores"], layer, measured["grad_cam"], measured.get("guided_backprop", ()), tolerances
    )


def controls(metadata: Metadata, target: Sequence[int], seed: Array, level: int) -> dict[str, Array]:
    """The inputs that the artifact adds: the target, the seed and the level."""
    inputs = {contract.SEED_INPUT: np.asarray(seed, np.float32)}
    if metadata.classes is not None:
        inputs[contract.TARGET_INPUT] = np.asarray(target, np.int64)
    return inputs if metadata.flat else {**inputs, contract.LEVEL_INPUT: np.asarray(level, np.int64)}
