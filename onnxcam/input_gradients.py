"""The gradients at the input, by the rules that a model was exported with."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from onnxcam.drawable import Drawable
from onnxcam.errors import MethodError
from onnxcam.levels import AT_INPUT
from onnxcam.methods import why_not

if TYPE_CHECKING:
    from onnxcam.cam import Floats


class InputGradients(Drawable):
    """Those of an ``onnxcam.Explanation``, whose fields are declared here as far as they are needed."""

    __slots__ = ()

    guided: Floats | None
    input_gradients: Floats | None

    def guided_backprop(self) -> Floats:
        """Guided backpropagation: the pixels that raise the class score.

        Returns:
            [M, *input shape], in the input's layout and scale.

        Raises:
            MethodError: The explanation is below level 2, or the model's gradient at the input is not guided.
        """
        self._require_level()
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
        self._require_level()
        if self.metadata.input_gradient == "guided":
            raise MethodError("this model's gradient at the input is guided; use guided_backprop()")
        if self.input_gradients is None:
            raise MethodError(f"the gradient at the input needs level=2, and this explanation is of level {self.level}")
        return self.input_gradients

    def input_x_gradient(self) -> Floats:
        """The input times its plain gradient: the first-order share of each value in the score.

        Returns:
            [M, *input shape].

        Raises:
            MethodError: The explanation is below level 2, or the model's gradient at the input is not plain.
        """
        self._require_level()
        if self.metadata.input_gradient != "plain":
            raise MethodError(
                "input x gradient needs the plain gradient at the input, and this model's is "
                f'{self.metadata.input_gradient}; export it with input_gradient="plain"'
            )
        gradients = self.input_gradient()
        product: Floats = gradients * np.repeat(self.tensor, len(gradients) // len(self.tensor), axis=0)
        return product

    def _require_level(self) -> None:
        """Requires that the model has a gradient at the input, by whatever rules."""
        highest = self.metadata.highest_level
        if highest == AT_INPUT:
            return
        if self.metadata.level is None:
            why = f"was exported up to level {highest}; export it with level=2 (--level 2)"
        else:
            why = f"is fixed at level {highest}; use the model that it was made from"
        raise MethodError(f"the gradient at the input needs level 2, and this model {why}")
