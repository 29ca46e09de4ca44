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
        strides: How far the window moves at a time.
        dilations: How far its elements are apart.
        begin: The padding in front of the map.
        end: The padding behind it.
        reach: How far its last element is from its first.
    """

    strides: list[int]
    dilations: list[int]
    begin: list[int]
    end: list[int]
    reach: list[int]

    @classmethod
    def of(cls, node: Step, kernel: Sequence[int], size: Sequence[int], count: Sequence[int]) -> Window:
        """The window of a convolution or pooling, its padding resolved.

        Args:
            node: The operator.
            kernel: The number of the window's elements along each axis.
            size: The size of the map that the window slides over; for ``ConvTranspose`` that is the output.
            count: How many places the window takes; for ``ConvTranspose`` that is the input's size.
        """
        rank = len(kernel)
        strides = list(node.attributes.get("strides", [1] * rank))
        dilations = list(node.attributes.get("dilations", [1] * rank))
        reach = [d * (k - 1) for k, d in zip(kernel, dilations, strict=True)]
        auto = node.attributes.get("auto_pad", "NOTSET")
        if auto in {"SAME_UPPER", "SAME_LOWER"} or "output_shape" in node.attributes:
            rest = node.attributes.get("output_padding", [0] * rank)
            total = [
                max(s * (c - 1) + r + 1 + o - n, 0)
                for s, c, r, o, n in zip(strides, count, reach, rest, size, strict=True)
            ]
            half = [t // 2 for t in total]
            other = [t - h for t, h in zip(total, half, strict=True)]
            begin, end = (half, other) if auto == "SAME_UPPER" else (other, half)
        else:
            pads = list(node.attributes.get("pads", [0] * (2 * rank))) if auto == "NOTSET" else [0] * (2 * rank)
            begin, end = pads[:rank], pads[rank:]
        return cls(strides, dilations, begin, end, reach)

    @property
    def pads(self) -> list[int]:
        """The padding as ONNX writes it."""
        return [*self.begin, *self.end]
