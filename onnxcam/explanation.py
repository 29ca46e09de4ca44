"""The result of explaining a batch: scores, gradients, and the maps that are computed from them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from onnxcam import cam
from onnxcam.drawable import Drawable
from onnxcam.errors import LayerError, MethodError
from onnxcam.methods import METHODS, Method, why_not
from onnxcam.scores import ClassScore, probabilities, short_repr
from onnxcam.text import listed

if TYPE_CHECKING:
    from collections.abc import Sequence

    from onnxcam.cam import Floats, Upsampling
    from onnxcam.metadata import Metadata
    from onnxcam.photograph.placed import PlacedPhotograph
    from onnxcam.targets.scalar import Scalar

__all__ = ["ClassScore", "Explanation", "Method"]

_CLASSES_IN_REPR = 3


@dataclass(frozen=True, slots=True, eq=False)
class Explanation(Drawable):
    """The explanation of a batch of N images, with a row for each of M targets.

    Every image has the same number of rows, and the rows of the first image come first.

    Attributes:
        metadata: The model's metadata.
        level: The level of the run: 0, 1 or 2.
        scores: The scores before any softmax or sigmoid, [N, C] of a classifier.
        class_index: The class explained in each row, [M]; ranks are resolved, and a scalar that is no class has -1.
        activations: A of each fetched layer, {layer: [N, K, *places]}; empty at level 0.
        gradients: dy/dA of each fetched layer, {layer: [M, K, *places]}; empty at level 0.
        guided: Guided backpropagation at the input, [M, *input shape]; None if the model or the level has none.
        tensor: The model's input, [N, *input shape].
        photographs: The N images, or None if a tensor was given.
        input_gradients: The gradient at the input, [M, *input shape], if the model has one that is not guided; or None.
        scalars: The scalar of ``onnxcam.targets`` that each row explains; None of a class.
    """

    metadata: Metadata
    level: int
    scores: Floats
    class_index: npt.NDArray[np.int64]
    activations: dict[str, Floats]
    gradients: dict[str, Floats]
    guided: Floats | None
    tensor: npt.NDArray[Any]
    photographs: Sequence[PlacedPhotograph] | None
    input_gradients: Floats | None = None
    scalars: Sequence[Scalar | None] = ()

    @property
    def labels(self) -> list[str]:
        """The names of the M targets: the class's label, or its index as text; a scalar's description."""
        return [self.explained(row).label for row in range(len(self.class_index))]

    @property
    def probabilities(self) -> Floats | None:
        """The scores after the model's own softmax or sigmoid, [N, C]; None if it has neither, or no class scores."""
        return None if self.metadata.classes is None else probabilities(self.scores, self.metadata.score_activation)

    def image_of(self, row: int) -> int:
        """The index of the image that a row explains."""
        return row * len(self.scores) // len(self.class_index)

    def explained(self, row: int) -> ClassScore:
        """The target that a row explains: its class with its score, or a scalar with its value.

        Args:
            row: One of the M rows.
        """
        image, scalar = self.image_of(row), self.scalars[row] if self.scalars else None
        if scalar is None:
            return self.class_score(int(self.class_index[row]), image)
        return ClassScore(-1, scalar.describe(self.metadata), scalar.value(self.scores[image]), None)

    def class_score(self, index: int, image: int = 0) -> ClassScore:
        """The score and probability of one class of one image.

        Args:
            index: The class.
            image: One of the N images.
        """
        after = probabilities(self.scores[image : image + 1], self.metadata.score_activation)
        probability = None if after is None else float(after[0, index])
        return ClassScore(index, self.metadata.label_of(index), float(self.scores[image, index]), probability)

    def top(self, count: int = 5, image: int = 0) -> list[ClassScore]:
        """The classes with the highest scores, best first; none where the scores are not [N, C].

        Args:
            count: The number of classes.
            image: One of the N images.
        """
        if self.metadata.classes is None:
            return []
        order = np.argsort(-self.scores[image], kind="stable")[:count]
        return [self.class_score(int(index), image) for index in order]

    def grad_cam(self, layer: str | None = None, *, relu: bool = True) -> Floats:
        """Grad-CAM: a map of the evidence for the class.

        Args:
            layer: The target layer; None is the first that was fetched.
            relu: Whether to keep only evidence for the class, and set negative values to zero.

        Returns:
            The maps at the layer's own size, [M, *places].

        Raises:
            MethodError: The explanation is of level 0.
            LayerError: The layer was not fetched.
        """
        return cam.grad_cam(*self._maps_of(layer, "Grad-CAM"), relu=relu)

    def cam(self) -> Floats:
        """CAM: the last feature map, weighted by the classifier's weights for the class.

        Returns:
            The maps at the layer's own size, [M, *places].

        Raises:
            MethodError: The network does not end in global average pooling and one linear layer, or the explanation is
                of level 0.
            LayerError: The layer was not fetched.
        """
        if reason := why_not("cam", self.metadata):
            raise MethodError(f"{reason}; use Grad-CAM, which needs no such ending")
        return cam.cam(*self._maps_of(self.metadata.cam_layer, "CAM"))

    def guided_backprop(self) -> Floats:
        """Guided backpropagation: the pixels that raise the class score.

        Returns:
            [M, *input shape], in the input's layout and scale.

        Raises:
            MethodError: The explanation is below level 2, or the model's gradient at the input is not guided.
        """
        if reason := why_not("guided-backprop", self.metadata):
            raise MethodError(f"{reason}; use input_gradient(), or export the model with the guided one")
        if self.guided is None:
            raise MethodError(f"guided backpropagation needs level=2, and this explanation is of level {self.level}")
        return self.guided

    def input_gradient(self) -> Floats:
        """The gradient of the score at the input, by the rules that ``metadata.input_gradient`` names.

        Returns:
            [M, *input shape], in the input's layout and scale.

        Raises:
            MethodError: The explanation is below level 2, or the model's gradient at the input is guided.
        """
        if self.metadata.input_gradient == "guided":
            raise MethodError("this model's gradient at the input is guided; use guided_backprop()")
        if self.input_gradients is None:
            raise MethodError(f"the gradient at the input needs level=2, and this explanation is of level {self.level}")
        return self.input_gradients

    def guided_grad_cam(self, layer: str | None = None, *, interpolation: Upsampling = "bilinear") -> Floats:
        """Guided Grad-CAM: guided backpropagation times the upsampled Grad-CAM map.

        Args:
            layer: The target layer of the Grad-CAM map; None is the first that was fetched.
            interpolation: ``bilinear``, or ``nearest`` as captum does by default.

        Returns:
            [M, *input shape].

        Raises:
            MethodError: As in ``guided_backprop``, or the interpolation is neither of the two.
            LayerError: The layer was not fetched.
        """
        if interpolation not in {"bilinear", "nearest"}:
            raise MethodError(f"the interpolation is 'bilinear' or 'nearest', not {interpolation!r}")
        guided, maps = self.guided_backprop(), self.grad_cam(layer)
        return cam.guided_grad_cam(guided, maps, layout=self.metadata.image.layout, interpolation=interpolation)

    def compute(self, method: Method, layer: str | None = None) -> Floats:
        """Computes a method by its name.

        Args:
            method: The name, as on the command line.
            layer: The target layer, for methods that have one.

        Returns:
            Maps [M, *places], or images [M, *input shape].

        Raises:
            MethodError: There is no such method, or this model or level does not have it.
            LayerError: The layer was not fetched.
        """
        if method == "grad-cam":
            return self.grad_cam(layer)
        if method == "cam":
            return self.cam()
        if method == "guided-backprop":
            return self.guided_backprop()
        if method == "guided-grad-cam":
            return self.guided_grad_cam(layer)
        raise MethodError(f"there is no method {method!r}; there are {', '.join(METHODS)}")

    def __repr__(self) -> str:
        """One line, without the arrays."""
        shown = [short_repr(label) for label in self.labels[:_CLASSES_IN_REPR]]
        more = len(self.class_index) - len(shown)
        classes = ", ".join([*shown, f"{more} more"] if more else shown)
        layers = ", ".join(map(short_repr, self.activations))
        return f"Explanation(images={len(self.scores)}, targets=[{classes}], layers=[{layers}], level={self.level})"

    def _maps_of(self, layer: str | None, method: str) -> tuple[Floats, Floats]:
        if not self.activations:
            raise MethodError(f"{method} needs level=1 or 2, and this explanation is of level {self.level}")
        name = next(iter(self.activations)) if layer is None else layer
        if name not in self.activations:
            raise LayerError(f"the layer {name!r} was not fetched; this explanation has {listed(self.activations)}")
        activations, gradients = self.activations[name], self.gradients[name]
        if 1 < len(activations) < len(gradients):
            activations = np.repeat(activations, len(gradients) // len(activations), axis=0)
        return activations, gradients
