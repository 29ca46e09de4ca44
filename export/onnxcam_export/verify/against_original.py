"""Verification without PyTorch: the original model in ONNX Runtime, and gradients by central differences.

- The answers must be those of the original, and so must scores and activations that have a name in it.
- The gradient at a target layer must be what central differences of the forward pass from that layer on say
  (``onnxcam_export.verify.central_differences``). Nothing of the differentiation is used for that.
- Guided backpropagation is no derivative, so no difference can tell it. It is the plain gradient's rules and one other
  rule at the rectifiers: so the plain gradient at the image, made by the same walk from the same steps, is compared
  with differences; whether every rectifier did as the formula says is computed in NumPy, from the cotangents that
  reached and left it; and the artifact's guided gradient must be the one that was looked into.
"""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING, Any

import numpy as np

from onnxcam import contract
from onnxcam_export.graph.steps import shape_of
from onnxcam_export.verify import central_differences as central
from onnxcam_export.verify import probe_models as probes
from onnxcam_export.verify.verify import relative_error, tolerance

if TYPE_CHECKING:
    from collections.abc import Mapping

    import onnx_ir as ir
    import onnxruntime as ort

    from onnxcam_export.assemble.outputs import Forward
    from onnxcam_export.verify.verify import Array, Compared, Target

IMAGE_GRADIENT = "plain gradient at the image"
RECTIFIER_RULE = "guided rule at the rectifiers"
RECTIFIER_ALLOWED = 1e-4  # both sides are one float32 product


class Differences:
    """Checks an artifact made from an ONNX model; a ``onnxcam_export.verify.verify.Check``."""

    def __init__(self, original: ir.Model, forward: Forward, image: str) -> None:
        """Makes the models that the check needs.

        Args:
            original: The model as it was given.
            forward: The prepared forward pass, before it is assembled.
            image: The name of the input that takes the image.
        """
        wanted = {contract.SCORES_OUTPUT: forward.score.value.name or ""}
        wanted |= {contract.ACTIVATIONS_PREFIX + name: value.name or "" for name, value in forward.layers.items()}
        self._image = image
        self._answers = {value.name or "": value.name or "" for value in original.graph.outputs}
        self._quantised = any(step.op_type == "QuantizeLinear" for step in forward.steps)
        self._original, self._inner = probes.with_outputs(original, wanted)
        # Read at more places, a quantised model is computed with other kernels, which round differently.
        self._alone = probes.with_outputs(original, {})[0] if self._quantised else self._original
        self._original_batch = _batch_of(next(value for value in original.graph.inputs if value.name == image))
        self._layers = {name: probes.cut(forward, value) for name, value in forward.layers.items()}
        self._from_image = probes.cut(forward, forward.image)
        self._traced, self._rectifiers = probes.traced(forward)
        self._seen_before = False

    def __call__(
        self, inputs: Mapping[str, Array], target: Target, got: Mapping[str, Any]
    ) -> tuple[Compared, tuple[str, ...]]:
        """Compares one run at level 2; the first run is compared along more directions than the others.

        Args:
            inputs: By name; the image is [N, ...].
            target: [T] class indices, no ranks; T = N or N = 1.
            got: The artifact's outputs.

        Returns:
            Error and tolerance by what was compared, and what a reader should know.
        """
        compared, notes = self._compare_answers(inputs, got)
        if self._quantised:
            return compared, (*notes, QUANTISED_NOTE)
        for name, session in self._layers.items():
            a, g = got[contract.ACTIVATIONS_PREFIX + name], got[contract.GRADIENTS_PREFIX + name]
            found = self._compare_layer(session, inputs, a, g, target)
            notes += _listed(compared, contract.GRADIENTS_PREFIX + name, found)
        if len(target) == len(inputs[self._image]):
            notes += self._compare_guided(compared, inputs, target, got)
        self._seen_before = True
        return compared, notes

    def _compare_answers(self, inputs: Mapping[str, Array], got: Mapping[str, Any]) -> tuple[Compared, tuple[str, ...]]:
        expected = self._run_original(self._alone, inputs, self._answers)
        expected |= self._run_original(self._original, inputs, self._inner)
        compared = {}
        for name, value in expected.items():
            answer = got[name]
            shaped = np.reshape(value, answer.shape) if name == contract.SCORES_OUTPUT else value
            allowed = QUANTISED_ALLOWED if self._quantised else tolerance(name)
            compared[name] = difference(answer, shaped), allowed
        notes = [
            f"not compared: {name}, which has no counterpart by that name in the original"
            for name in got
            if name.startswith(contract.ACTIVATIONS_PREFIX) and name not in self._inner
        ]
        return compared, tuple(notes)

    def _run_original(
        self, session: ort.InferenceSession, inputs: Mapping[str, Array], wanted: Mapping[str, str]
    ) -> dict[str, Any]:
        """The original's answers; image by image where its batch is smaller than the one it is asked about."""
        count = len(inputs[self._image])
        size = count if self._original_batch is None else self._original_batch
        parts = [
            session.run(list(wanted.values()), _rows(inputs, start, start + size, count))
            for start in range(0, count, size)
        ]
        return {name: _joined([part[index] for part in parts]) for index, name in enumerate(wanted)}

    def _compare_layer(
        self, session: ort.InferenceSession, inputs: Mapping[str, Array], a: Array, g: Array, target: Target
    ) -> central.Agreement:
        """Each row of a gradient, at the activation of its image; the very first row in many directions."""
        a, g = a.astype(np.float64), g.astype(np.float64)
        found = []
        for row, index in enumerate(target):
            image = row if len(a) > 1 else 0
            y = _score(session, inputs, a, image, int(index))
            here = a[image : image + 1]
            free = central.off_kinks(here)
            slope = g[row : row + 1] * free
            directions = central.own(slope)
            if row == 0 and not self._seen_before:
                directions = chain(central.parts(slope), central.across(here, slope), central.anywhere(slope))
            found.append(central.compare(y, here, slope, central.within(free, directions)))
        return central.merged(found)

    def _compare_guided(
        self, compared: Compared, inputs: Mapping[str, Array], target: Target, got: Mapping[str, Any]
    ) -> tuple[str, ...]:
        outputs = [item.name for item in self._traced.get_outputs()]
        feeds = {**inputs, contract.TARGET_INPUT: target}
        seen = dict(zip(outputs, self._traced.run(outputs, feeds), strict=True))
        guided, plain = seen[contract.GUIDED_OUTPUT], seen[probes.PLAIN_GRADIENT]
        compared[contract.GUIDED_OUTPUT] = (
            relative_error(got[contract.GUIDED_OUTPUT], guided),
            tolerance(contract.GUIDED_OUTPUT),
        )
        image, slope = inputs[self._image].astype(np.float64), plain[:1].astype(np.float64)
        y = _score(self._from_image, inputs, image, 0, int(target[0]))
        directions = chain(central.parts(slope), central.anywhere(slope))
        found = central.compare(y, image[:1], slope, directions, central.IMAGE_LADDER)
        notes = _listed(compared, IMAGE_GRADIENT, found)
        if self._rectifiers:
            compared[RECTIFIER_RULE] = self._rectifier_error(seen), RECTIFIER_ALLOWED
        return (*notes, GUIDED_NOTE)

    def _rectifier_error(self, seen: Mapping[str, Array]) -> float:
        """The largest error of ``dx = relu(dy) f'(x) [x > 0]`` (Springenberg et al. 2015) over the rectifiers."""
        errors = []
        for index in range(len(self._rectifiers)):
            x, dy, dx, slope = (seen[f"{probes.TRACE}{index}/{part}"] for part in ("x", "dy", "dx", "slope"))
            errors.append(relative_error(dx, np.maximum(dy, 0) * slope * (x > 0)))
        return max(errors)


# Integer and floating-point kernels round halves differently, and through many layers the steps add up (0.06 seen).
QUANTISED_ALLOWED = 0.1
QUANTISED_NOTE = (
    "not compared: the gradients, which pass straight through what is quantised, while differences see its steps"
)
GUIDED_NOTE = (
    "the guided gradient is no derivative that differences could tell: the plain gradient at the image, from the same "
    "steps, was compared with differences, and the guided rule in NumPy at every rectifier"
)


def _score(
    session: ort.InferenceSession, inputs: Mapping[str, Array], a: Array, image: int, index: int
) -> central.Function:
    """The score of a class as a function of one image's activation, [1, ...]."""
    needed = {item.name: item for item in session.get_inputs()}
    dtype = np.float16 if needed[probes.VALUE].type == "tensor(float16)" else np.float32
    fixed = isinstance(needed[probes.VALUE].shape[0], int)
    start, stop = (0, len(a)) if fixed else (image, image + 1)
    feeds = {name: value for name, value in _rows(inputs, start, stop, len(a)).items() if name in needed}

    def y(value: Array) -> float:
        whole = a[start:stop].copy()
        whole[image - start] = value[0]
        (scores,) = session.run([contract.SCORES_OUTPUT], {**feeds, probes.VALUE: whole.astype(dtype)})
        return float(scores[image - start, index])

    return y


def _rows(inputs: Mapping[str, Array], start: int, stop: int, count: int) -> dict[str, Array]:
    """The inputs of some of the images; what has no row for each image stays whole."""
    return {name: value[start:stop] if value.ndim and len(value) == count else value for name, value in inputs.items()}


def _joined(parts: list[Any]) -> Any:
    """The answers of several runs as those of one."""
    if len(parts) == 1:
        return parts[0]
    if isinstance(parts[0], list):
        return [item for part in parts for item in part]
    return np.concatenate([np.atleast_1d(part) for part in parts])


def difference(value: Any, expected: Any) -> float:
    """The relative error of numbers, also inside of lists and maps; of anything else, whether it is the same."""
    a, b = _numbers(value), _numbers(expected)
    if a is None or b is None:
        same = np.array_equal(value, expected) if isinstance(value, np.ndarray) else value == expected
        return 0.0 if same else float("inf")
    return relative_error(a, b)


def _numbers(value: Any) -> Array | None:
    if isinstance(value, np.ndarray):
        return value if value.dtype.kind in "fiub" else None
    if isinstance(value, dict):
        return np.asarray([value[key] for key in sorted(value)], np.float64)
    if isinstance(value, list):
        parts = [_numbers(item) for item in value]
        arrays = [np.ravel(part) for part in parts if part is not None]
        return np.concatenate([[], *arrays]) if len(arrays) == len(parts) else None
    if isinstance(value, str):
        return None
    return np.asarray(value, np.float64)


def _listed(compared: Compared, name: str, found: central.Agreement) -> tuple[str, ...]:
    """Enters an agreement into what was compared; what was left out becomes a note."""
    total = found.compared + found.kinked
    if found.error is not None:
        compared[name] = max(found.error, compared.get(name, (0.0, 0.0))[0]), central.ALLOWED
    if found.kinked:
        part = "not compared" if found.error is None else "compared in part"
        why = "cross kinks, or are lost in rounding, at every step tried"
        return (f"{part}: {name}, {found.kinked} of {total} directions {why}",)
    if not total:
        return (f"not compared: {name}, which is zero, or on kinks everywhere",)
    return ()


def _batch_of(image: ir.Value) -> int | None:
    batch = shape_of(image)[0]
    return batch if batch is None or batch > 0 else None
