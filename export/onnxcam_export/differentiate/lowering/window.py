"""The windows that convolution and pooling slide over a map."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from onnxcam_export.graph.steps import Step


@dataclass(frozen=True, slots=True)
class Window:
    """A sliding window; every list has one entry for each spatial axis.

    Attributes:
        strides: The steps between positions of the window.
        dilations: The steps between its elements.
        begin: The padding before the map.
        end: The padding after the map.
    """

    strides: list[int]
    dilations: list[int]
    begin: list[int]
    end: list[int]

    @classmethod
    def of(cls, step: Step, rank: int) -> Window:
        """The window of a convolution or pooling over ``rank`` axes.

        Its padding must be explicit, as ``onnxcam_export.read.files.explicit_padding`` makes it.
        """
        strides = list(step.attributes.get("strides", [1] * rank))
        dilations = list(step.attributes.get("dilations", [1] * rank))
        pads = list(step.attributes.get("pads", [0] * (2 * rank)))
        return cls(strides, dilations, pads[:rank], pads[rank:])

    @property
    def pads(self) -> list[int]:
        """The padding as ONNX writes it."""
        return [*self.begin, *self.end]

    def reach(self, kernel: Sequence[int]) -> list[int]:
        """The distance from the first to the last element of a kernel of that size."""
        return [dilation * (size - 1) for dilation, size in zip(self.dilations, kernel, strict=True)]
