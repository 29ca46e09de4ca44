"""The maps and images that are computed from the arrays of a run."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from onnxcam import cam
from onnxcam.errors import LayerError, MethodError
from onnxcam.input_gradients import InputGradients
from onnxcam.methods import METHODS, TITLES, why_not
from onnxcam.text import listed, shortened

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from onnxcam.cam import Floats, Upsampling
    from onnxcam.methods import MapMethod, Method

    Formula = Callable[..., Floats]


def _of_each_row(activations: Floats, gradients: Floats, *, relu: bool) -> Floats:
    """EigenCAM, which needs no gradients, with a row for each row of gradients."""
    maps = cam.eigen_cam(activations, relu=relu)
    return np.repeat(maps, len(gradients) // len(maps), axis=0)


# (A, [N, K, *places]; dy/dA, [M, K, *places]; relu) -> maps, [M, *places]
_FORMULAS: dict[MapMethod, Formula] = {
    "grad-cam": cam.grad_cam,
    "cam": cam.cam,
    "grad-cam++": cam.grad_cam_plus_plus,
    "xgrad-cam": cam.xgrad_cam,
    "hires-cam": cam.hires_cam,
    "layer-cam": cam.layer_cam,
    "eigen-cam": _of_each_row,
    "eigen-grad-cam": cam.eigen_grad_cam,
}


class Maps(InputGradients):
    """The maps of an ``onnxcam.Explanation``, whose fields are declared here as far as they are needed."""

    __slots__ = ()

    gradients: dict[str, Floats]

    def map(self, method: MapMethod, layer: str | None = None, *, relu: bool = True) -> Floats:
        """A map of a layer, by a method's name.

        Where only average pooling and a linear layer follow the layer, its gradient is the same at every place. Then
        ``grad-cam``, ``xgrad-cam`` and ``hires-cam`` are one map, and ``cam`` without its negative values a multiple.

        Args:
            method: ``grad-cam``, ``cam``, ``grad-cam++``, ``xgrad-cam``, ``hires-cam``, ``layer-cam``, ``eigen-cam`` or
                ``eigen-grad-cam``; ``onnxcam.cam`` has their formulas. ``eigen-cam`` is the same for every target.
            layer: The target layer; None is the first that was fetched, or the one layer that CAM is defined at.
            relu: Whether to set negative values to zero.

        Returns:
            The maps at the layer's own size, [M, *places].

        Raises:
            MethodError: There is no such method, this model does not have it, or the explanation is of level 0.
            LayerError: The layer was not fetched, or CAM is not defined at it.
        """
        if method not in _FORMULAS:
            raise MethodError(f"there is no map {shortened(repr(method))}; there are {', '.join(_FORMULAS)}")
        if method == "cam":
            layer = self._layer_of_cam(layer)
        return _FORMULAS[method](*self._maps_of(layer, TITLES[method]), relu=relu)

    def fused_map(self, method: MapMethod = "layer-cam", layers: Sequence[str] | None = None) -> Floats:
        """The largest of several layers' maps, place by place, for objects of several sizes.

        Each layer's map is scaled to [0, 1] in each row, and upsampled linearly to the input's places.

        Args:
            method: As in ``map``.
            layers: The target layers; None is all that were fetched.

        Returns:
            [M, *places of the input], from 0 to 1.

        Raises:
            MethodError: As in ``map``.
            LayerError: As in ``map``, or no layer is named.
        """
        names = [layers] if isinstance(layers, str) else list(self.activations if layers is None else layers)
        if not names:
            self.map(method)  # which says that level 0 has none
            raise LayerError(f"no layer is named; this explanation has {listed(self.activations)}")
        places = self.metadata.image.places
        maps = [cam.upsample(cam.normalise(self.map(method, layer)), places) for layer in names]
        fused: Floats = np.maximum.reduce(maps)
        return fused

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
        return self.map("grad-cam", layer, relu=relu)

    def cam(self) -> Floats:
        """CAM: the last feature map, weighted by the classifier's weights for the class.

        Returns:
            The maps at the layer's own size, [M, *places].

        Raises:
            MethodError: The network does not end in global average pooling and one linear layer, or the explanation is
                of level 0.
            LayerError: The layer was not fetched.
        """
        return self.map("cam", relu=False)

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
        return self._guided_times(self.grad_cam(layer), interpolation)

    def layers_of(self, method: Method, layer: str | None = None) -> list[str]:
        """The layers whose maps ``compute`` takes; several are fused.

        Args:
            method: As in ``compute``.
            layer: As in ``compute``.
        """
        if method == "guided-backprop":
            return []
        if method == "cam":
            return [self.metadata.cam_layer or ""]
        if layer is not None:
            return [layer]
        return list(self.activations)[: None if self.metadata.detection is not None else 1]

    def compute(self, method: Method, layer: str | None = None) -> Floats:
        """Computes a method by its name, as it is drawn.

        Args:
            method: The name, as on the command line.
            layer: The target layer, for methods that have one; None is the first that was fetched, and of a detection
                model all, fused as ``fused_map`` does, since its boxes come from layers of several scales.

        Returns:
            Maps [M, *places], or images [M, *input shape].

        Raises:
            MethodError: There is no such method, or this model or level does not have it.
            LayerError: The layer was not fetched.
        """
        if method not in METHODS:
            raise MethodError(f"there is no method {shortened(repr(method))}; there are {', '.join(METHODS)}")
        if method == "cam":
            return self.cam()
        if method == "guided-backprop":
            return self.guided_backprop()
        several = len(self.layers_of(method, layer)) > 1
        if method == "guided-grad-cam":
            fused = self.fused_map("grad-cam") if several else self.grad_cam(layer)
            return self._guided_times(fused, "bilinear")
        return self.fused_map(method) if several else self.map(method, layer)

    def _guided_times(self, maps: Floats, interpolation: Upsampling) -> Floats:
        layout = self.metadata.image.layout
        return cam.guided_grad_cam(self.guided_backprop(), maps, layout=layout, interpolation=interpolation)

    def _layer_of_cam(self, layer: str | None) -> str | None:
        if reason := why_not("cam", self.metadata):
            raise MethodError(f"{reason}; use Grad-CAM, which needs no such ending")
        own = self.metadata.cam_layer
        if layer not in {None, own}:
            raise LayerError(f"this model has CAM at the layer {own!r} alone, not at {shortened(repr(layer))}")
        return own

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
