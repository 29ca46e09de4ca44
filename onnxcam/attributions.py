"""Integrated Gradients and SmoothGrad: averages of the plain gradient at the input over many inputs."""

from __future__ import annotations

import itertools
import numbers
import operator
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from onnxcam.errors import MethodError, TensorError
from onnxcam.execution.model import Request
from onnxcam.levels import AT_INPUT, checked_level
from onnxcam.tensors import as_array
from onnxcam.text import listed, shortened

if TYPE_CHECKING:
    from collections.abc import Iterator

    from onnxcam.cam import Floats
    from onnxcam.execution.model import LoadedModel
    from onnxcam.explanation import Explanation
    from onnxcam.levels import Level
    from onnxcam.metadata import Metadata
    from onnxcam.targets.rows import Targets, Wanted

    # An input, the weight of its gradient, and the row that it counts for.
    Step = tuple[Floats, float, int]


class Attributions(ABC):
    """What an ``onnxcam.Explainer`` computes by many runs; its fields are declared here as far as they are needed."""

    metadata: Metadata
    _model: LoadedModel

    @abstractmethod
    def run(self, tensor: npt.NDArray[Any], target: Targets = -1, *, level: Level | None = None) -> Explanation:
        """Explains preprocessed input."""

    def integrated_gradients(
        self,
        tensor: npt.NDArray[Any],
        target: Targets = -1,
        *,
        steps: int = 50,
        baseline: npt.ArrayLike = 0,
        batch: int = 16,
    ) -> Floats:
        """Integrated Gradients, for models with the plain gradient at the input.

        ``(x - x') * integral over a from 0 to 1 of dy/dx at x' + a (x - x')``, by Gauss-Legendre quadrature, as captum
        does (Sundararajan et al. 2017, https://arxiv.org/abs/1703.01365). Its sum is ``y(x) - y(x')``, up to the
        quadrature's error.

        Args:
            tensor: x, [N, *metadata.image.shape], preprocessed floating-point input.
            target: As in ``explain``. Ranks, and regions without a mask, are those of x.
            steps: The number of inputs between the two, for each row.
            baseline: x', in the tensor's units: a number, or an array of a shape that broadcasts to that of x. Zero is
                the mean colour after the usual preprocessing.
            batch: The number of inputs in one run, unless the model fixes it.

        Returns:
            [M, *input shape].

        Raises:
            MethodError: The model has no plain gradient at the input, takes other inputs too, or a number is below 1.
            TensorError: The tensor or the baseline does not fit the model.
            TargetError: As in ``explain``.
        """
        explanation, x = self._begin("Integrated Gradients", tensor, target)
        start = _baseline(baseline, x)
        nodes, weights = np.polynomial.legendre.leggauss(_count(steps, "steps"))

        def path() -> Iterator[Step]:
            for row in range(len(explanation.class_index)):
                first, last = start[explanation.image_of(row)], x[explanation.image_of(row)]
                for node, weight in zip(nodes, weights, strict=True):
                    yield first + (1 + node) / 2 * (last - first), weight / 2, row

        average = self._weighted_gradients(path(), explanation, batch)
        images = [explanation.image_of(row) for row in range(len(average))]
        product: Floats = (average * (x - start)[images]).astype(np.float32)
        return product

    def smooth_grad(
        self,
        tensor: npt.NDArray[Any],
        target: Targets = -1,
        *,
        samples: int = 25,
        noise: float = 0.15,
        seed: int = 0,
        batch: int = 16,
    ) -> Floats:
        """SmoothGrad, for models with the plain gradient at the input: its mean over noisy copies of the input.

        The noise is normal, and its deviation a share of the input's range (Smilkov et al. 2017,
        https://arxiv.org/abs/1706.03825).

        Args:
            tensor: x, [N, *metadata.image.shape], preprocessed floating-point input.
            target: As in ``integrated_gradients``.
            samples: The number of noisy inputs for each row.
            noise: The deviation, as a share of the largest minus the smallest value of each image's x.
            seed: Of the noise, which is the same for every row and every call.
            batch: As in ``integrated_gradients``.

        Returns:
            [M, *input shape].

        Raises:
            MethodError: As in ``integrated_gradients``, or the noise is negative.
            TensorError: The tensor does not fit the model.
            TargetError: As in ``explain``.
        """
        explanation, x = self._begin("SmoothGrad", tensor, target)
        count = _count(samples, "samples")
        if not isinstance(noise, numbers.Real) or not 0 <= noise < np.inf:
            raise MethodError(f"the noise is a share of the input's range, such as 0.15, not {shortened(repr(noise))}")

        def noisy() -> Iterator[Step]:
            for row in range(len(explanation.class_index)):
                image, random = x[explanation.image_of(row)], np.random.default_rng(seed)
                for _ in range(count):
                    yield image + noise * np.ptp(image) * random.standard_normal(image.shape), 1 / count, row

        return self._weighted_gradients(noisy(), explanation, batch).astype(np.float32)

    def _begin(self, name: str, tensor: npt.NDArray[Any], target: Targets) -> tuple[Explanation, Floats]:
        """Checks the model and the arguments, and returns the scores and rows at x, and x in float64."""
        metadata = self.metadata
        if metadata.input_gradient != "plain":
            raise MethodError(
                f"{name} needs the plain gradient at the input, and this model's is {metadata.input_gradient}; export "
                'it with input_gradient="plain"'
            )
        checked_level(AT_INPUT, metadata)
        if len(self._model.inputs) > 1:
            raise MethodError(f"{name} takes models with one input, and this one has {listed(self._model.inputs)}")
        if np.dtype(metadata.image.dtype).kind != "f":
            raise MethodError(
                f"{name} needs an input of floating-point numbers, and this model's is of {metadata.image.dtype}"
            )
        return self.run(tensor, target, level=0), np.asarray(as_array(tensor), np.float64)

    def _weighted_gradients(self, steps: Iterator[Step], explanation: Explanation, batch: int) -> Floats:
        """For each row the sum of the weighted gradients at its steps, [M, *input shape] in float64."""
        wanted = [_fixed(explanation, row) for row in range(len(explanation.class_index))]
        total = np.zeros((len(wanted), *self.metadata.image.shape))
        size = self.metadata.image.batch or _count(batch, "inputs in a run")
        several = list(itertools.islice(steps, size))
        while several:
            gradients = self._gradients([x for x, _, _ in several], [wanted[row] for _, _, row in several])
            for gradient, (_, weight, row) in zip(gradients, several, strict=False):
                total[row] += weight * gradient
            several = list(itertools.islice(steps, size))
        return total

    def _gradients(self, inputs: list[Floats], wanted: list[Wanted]) -> Floats:
        """The gradients at several inputs; a model of a fixed batch gets the last of them more often."""
        image = self.metadata.image
        missing = (image.batch or len(inputs)) - len(inputs)
        tensor = np.stack([*inputs, *inputs[-1:] * missing]).astype(image.dtype)
        request = Request((), AT_INPUT, finite=True)
        found = self._model.explain({image.name: tensor}, [*wanted, *wanted[-1:] * missing], request).input_gradient
        assert found is not None  # noqa: S101  the level has it
        return found


def _fixed(explanation: Explanation, row: int) -> Wanted:
    """The target of a row, with what depends on the scores as it is at x: ranks, boxes, and regions without a mask."""
    scalar = explanation.scalars[row]
    return int(explanation.class_index[row]) if scalar is None else scalar


def _count(number: object, name: str) -> int:
    try:
        count = operator.index(number)  # type: ignore[arg-type]
    except TypeError:
        count = 0
    if count < 1:
        raise MethodError(f"the number of {name} is a whole number from 1, not {shortened(repr(number))}")
    return count


def _baseline(baseline: npt.ArrayLike, x: Floats) -> Floats:
    """The baseline in the shape of x."""
    try:
        values = np.broadcast_to(np.asarray(baseline, np.float64), x.shape)
    except (TypeError, ValueError) as error:
        raise TensorError(
            f"the baseline must be a number or an array that fits {list(x.shape)}: {shortened(str(error))}"
        ) from error
    if not np.isfinite(values).all():
        raise TensorError("the baseline holds NaN or infinity")
    return values
