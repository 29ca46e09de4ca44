"""Verification: the artifact, run in ONNX Runtime, against an independent reference; and the golden check."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import onnxruntime as ort

from onnxcam import contract
from onnxcam.execution.engine import first_line
from onnxcam.execution.golden import answers, golden_input
from onnxcam.execution.model import LoadedModel, Request
from onnxcam.metadata import Golden, Metadata, Verification
from onnxcam_export.errors import ExportError, ParityError

if TYPE_CHECKING:
    from pathlib import Path

Array = npt.NDArray[Any]
Target = npt.NDArray[np.int64]
# (image [N, ...], class indices [T]) -> outputs by name, and what could not be compared, in words. An image in float64
# asks for outputs computed in float64; a reference that has none returns none.
Reference = Callable[[Array, Target], tuple[dict[str, Array], tuple[str, ...]]]
Compared = dict[str, tuple[float, float]]
# (inputs by name, the image first; class indices; the artifact's outputs) -> (error, allowed) by what was compared, and
# notes, in words.
Check = Callable[[Mapping[str, Array], Target, Mapping[str, Any]], tuple[Compared, tuple[str, ...]]]

# Relative L2 errors. Everything up to the layer gradients is float32 rounding. In the guided gradient rounding can also
# turn a few ReLU masks of a deep network over, which is why its bound is that of a cosine of 0.9998.
TOLERANCES = {
    "answers": 1e-4,
    contract.SCORES_OUTPUT: 1e-4,
    contract.ACTIVATIONS_PREFIX: 1e-3,
    contract.GRADIENTS_PREFIX: 1e-3,
    contract.GUIDED_OUTPUT: 2e-2,
}

# What another machine or provider may differ by; GPUs compute convolutions with 10-bit mantissas (TF32) by default.
GOLDEN_TOLERANCES = {"scores": 5e-3, "grad_cam": 1e-2, "guided_backprop": 5e-2}


def session(path: Path) -> ort.InferenceSession:
    """The artifact in ONNX Runtime on the CPU, silent about inputs that have defaults.

    Raises:
        ExportError: ONNX Runtime cannot run it.
    """
    options = ort.SessionOptions()
    options.log_severity_level = 4  # what goes wrong is in the exception
    try:
        return ort.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # its exceptions have no common base
        reason = first_line(error)
        if "bad_alloc" in reason:
            raise ExportError("there is not enough memory to load the model in ONNX Runtime and verify it") from error
        raise ExportError(
            f"ONNX Runtime cannot run the model: {reason}; convert the model to float32 first if it has another type"
        ) from error


def verify(path: Path, metadata: Metadata, check: Check, name: str) -> Verification:
    """Checks the artifact's answers to two images with a class each, and to one image with three classes.

    Args:
        path: The artifact.
        metadata: Its metadata.
        check: Tells how far the outputs are from what they must be.
        name: What it compares them with, in words.

    Raises:
        ParityError: An output differs by more than its tolerance.
    """
    run = session(path)
    outputs = [output.name for output in run.get_outputs()]
    generator = np.random.default_rng(0)
    batch = metadata.image.batch or 2
    images = noise(generator, (batch, *metadata.image.shape), metadata.image.dtype)
    errors: dict[str, float] = {}
    tolerances: dict[str, float] = {}
    notes: dict[str, None] = {}
    for image, count in ((images, batch), (images[:1], 3)):
        if metadata.image.batch not in (None, len(image)):
            continue
        target = generator.integers(0, metadata.classes, count)
        inputs = {metadata.image.name: image, **others(run, metadata, len(image))}
        got = _run(run, outputs, inputs | controls(metadata, target, 2))
        # The answers are those of a caller who knows nothing of explanations.
        got |= _run(run, [name for name in outputs if not name.startswith("onnxcam.")], inputs)
        compared, remarks = check(inputs, target, got)
        notes |= dict.fromkeys(remarks)
        for output, (error, allowed) in compared.items():
            if not error <= allowed:
                raise ParityError(
                    f"{output} differs from {name} by {error:.1e} (relative L2), more than the {allowed:.0e} allowed, "
                    "so the model is not written; look at what differs with verify=False (--no-verify), and please "
                    "report it with the model"
                )
            errors[output] = max(errors.get(output, 0.0), error)
            tolerances[output] = max(tolerances.get(output, 0.0), allowed)
    return Verification(name, errors, tolerances, tuple(notes))


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


def against(reference: Reference) -> Check:
    """The check that an artifact answers what a reference answers."""

    def check(inputs: Mapping[str, Array], target: Target, got: Mapping[str, Any]) -> tuple[Compared, tuple[str, ...]]:
        image = next(iter(inputs.values()))
        expected, notes = reference(image, target)
        compared = {}
        for output, value in expected.items():
            error, allowed = relative_error(got[output], value), tolerance(output)
            if not error <= allowed:
                error, allowed, remark = _against_exact(reference, image, target, output, got[output], value)
                notes += remark
            compared[output] = error, allowed
        return compared, notes

    return check


def noise(generator: np.random.Generator, shape: tuple[int, ...], dtype: str) -> Array:
    """Standard normal values, as normalised pixels have; for integers, all that a pixel can have."""
    if np.issubdtype(dtype, np.integer):
        return generator.integers(0, 256 if dtype == "uint8" else 128, shape).astype(dtype)
    return generator.standard_normal(shape).astype(dtype)


def _against_exact(  # noqa: PLR0917
    reference: Reference,
    image: Array,
    target: Target,
    output: str,
    got: Array,
    expected: Array,
) -> tuple[float, float, tuple[str, ...]]:
    """The error to the reference in float64, and what is allowed where the reference's own float32 is no closer.

    Rounding turns over ReLU masks and the choices of max pooling; in a badly conditioned network, or in float16, that
    is no small change, and two correct computations differ by it. The artifact may then be off by no more than four
    times what the reference is.
    """
    exact = reference(image.astype(np.float64), target)[0].get(output)
    if exact is None:
        return relative_error(got, expected), tolerance(output), ()
    error, own = relative_error(got, exact), relative_error(expected, exact)
    remark = f"{output}: limited by rounding, the reference's own {expected.dtype} is {own:.0e} from its float64"
    return error, max(tolerance(output), 4 * own), (remark,)


def golden(path: Path, metadata: Metadata) -> Golden:
    """What the artifact, whose file has metadata already, answers to the golden input."""
    model = LoadedModel(path, ["cpu"])
    image = golden_input((metadata.image.batch or 1, *metadata.image.shape), metadata.image.dtype)
    best = int(model.run({metadata.image.name: image}, np.array([-1]), Request()).class_index[0])
    layer = metadata.layers[0].name
    return Golden(target=best, layer=layer, tolerances=dict(GOLDEN_TOLERANCES), **answers(model, best, layer))


def controls(metadata: Metadata, target: Array, level: int) -> dict[str, Array]:
    """The artifact's own inputs: what to explain, and how much of it."""
    inputs = {contract.TARGET_INPUT: np.asarray(target, np.int64)}
    return inputs if metadata.flat else {**inputs, contract.LEVEL_INPUT: np.asarray(level, np.int64)}


def others(run: ort.InferenceSession, metadata: Metadata, batch: int) -> dict[str, Array]:
    """Values for the model's other inputs: ones, which no scale or size among them takes amiss."""
    given = {metadata.image.name, contract.TARGET_INPUT, contract.LEVEL_INPUT}
    return {
        item.name: np.ones(
            [dim if isinstance(dim, int) else (1 if axis else batch) for axis, dim in enumerate(item.shape)],
            _NUMPY_TYPES.get(item.type, np.float32),
        )
        for item in run.get_inputs()
        if item.name not in given
    }


_NUMPY_TYPES = {
    "tensor(float16)": np.float16,
    "tensor(double)": np.float64,
    "tensor(int32)": np.int32,
    "tensor(int64)": np.int64,
    "tensor(bool)": np.bool_,
    "tensor(uint8)": np.uint8,
}


def tolerance(output: str) -> float:
    """The relative L2 error allowed for an output of the artifact."""
    for prefix, bound in TOLERANCES.items():
        if output.startswith(prefix):
            return bound
    return TOLERANCES["answers"]


def relative_error(value: Array, expected: Array) -> float:
    """``|value - expected| / |expected|`` in L2; infinite where the shapes differ or something is not finite."""
    if value.shape != expected.shape:
        return float("inf")
    value, expected = value.astype(np.float64), expected.astype(np.float64)
    difference, norm = np.linalg.norm(value - expected), np.linalg.norm(expected)
    if not np.isfinite(difference):
        return float("inf")
    return float(difference / norm) if norm else float(difference)
