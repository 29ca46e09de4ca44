"""Draws an explanation: to a file, to a Pillow image, or in a notebook.

``onnxcam.render`` is imported when something is drawn, so that a service that only computes starts faster.
"""

from __future__ import annotations

import operator
from abc import ABC, abstractmethod
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, BinaryIO

from onnxcam.errors import TargetError
from onnxcam.methods import default_methods, is_at_input
from onnxcam.photograph.preprocessing import channels_last, to_pixels

if TYPE_CHECKING:
    import os
    from collections.abc import Sequence
    from pathlib import Path

    import numpy as np
    import numpy.typing as npt
    from PIL import Image

    from onnxcam.cam import Floats
    from onnxcam.detection import Box as Detected
    from onnxcam.metadata import Metadata
    from onnxcam.methods import MapMethod, Method
    from onnxcam.photograph.geometry import Box
    from onnxcam.photograph.placed import PlacedPhotograph
    from onnxcam.render.boxes import Outline
    from onnxcam.render.sheet import Row
    from onnxcam.scores import ClassScore

# A notebook shows the first rows; ``figure`` draws all.
_ROWS_IN_A_NOTEBOOK = 8


class Drawable(ABC):
    """The drawing of an ``onnxcam.Explanation``, whose fields and methods are declared here as far as it needs them."""

    __slots__ = ()

    metadata: Metadata
    level: int
    class_index: npt.NDArray[np.int64]
    activations: dict[str, Floats]
    tensor: npt.NDArray[Any]
    photographs: Sequence[PlacedPhotograph] | None

    @abstractmethod
    def image_of(self, row: int) -> int:
        """The index of the image that a row explains."""

    @abstractmethod
    def explained(self, row: int) -> ClassScore:
        """The target that a row explains."""

    @abstractmethod
    def top(self, count: int = 5, image: int = 0) -> list[ClassScore]:
        """The classes with the highest scores, best first."""

    @abstractmethod
    def boxes(self, image: int = 0) -> list[Detected]:
        """The boxes of a detection model."""

    @abstractmethod
    def box_of(self, row: int) -> Detected | None:
        """The box that a row explains."""

    @abstractmethod
    def region_of(self, row: int) -> Floats | None:
        """The mask of the region that a row explains."""

    @abstractmethod
    def layers_of(self, method: Method, layer: str | None = None) -> list[str]:
        """The layers whose maps ``compute`` takes."""

    @abstractmethod
    def compute(self, method: Method, layer: str | None = None) -> Floats:
        """Computes a method by its name."""

    def save(
        self,
        target: str | os.PathLike[str] | BinaryIO,
        *,
        row: int | Sequence[int] | None = None,
        methods: Sequence[Method] | None = None,
        layer: str | None = None,
        format: str | None = None,  # noqa: A002  as Pillow and matplotlib call it
    ) -> Path | None:
        """Writes the picture that ``figure`` draws.

        Args:
            target: A path, or a file object that is open for writing bytes.
            row: As in ``figure``.
            methods: As in ``figure``.
            layer: As in ``figure``.
            format: ``png``, ``jpg`` or ``webp``. A file object needs it; None takes it from a path's ending.

        Returns:
            The path, or None for a file object.

        Raises:
            OutputError: The target cannot be written, the format is unknown, or as in ``figure``.
            TargetError: As in ``figure``.
            MethodError: As in ``figure``.
            LayerError: As in ``figure``.
        """
        from onnxcam.render.formats import save_picture  # noqa: PLC0415  see above

        return save_picture(target, lambda: self.figure(row, methods=methods, layer=layer), format)

    def figure(
        self,
        row: int | Sequence[int] | None = None,
        *,
        methods: Sequence[Method] | None = None,
        layer: str | None = None,
    ) -> Image.Image:
        """Draws the explanation: a strip for each row, with the image and a panel for each method.

        If a tensor was given instead of an image, the tensor is drawn in the image's place: a signal as lines, a volume
        as its three middle slices. An input with neither one channel nor three is drawn in grey: the mean over its
        channels, and the root of the mean square for guided backpropagation.

        Args:
            row: One of the M rows, or several; None is all.
            methods: The methods to draw beside the image; None is Grad-CAM, guided backpropagation and Guided Grad-CAM,
                or those of them that the model and the level have.
            layer: The target layer; None is the first that was fetched, and of a detection model all, fused.

        Returns:
            The picture, RGB, with no side longer than 16,000 pixels.

        Raises:
            TargetError: There is no such row.
            MethodError: A method needs a higher level, or the model does not have it.
            LayerError: The layer was not fetched.
            OutputError: There are too many rows for one picture.
        """
        from onnxcam.render.sheet import draw_sheet  # noqa: PLC0415  see above

        if methods is None:
            methods = default_methods(self.metadata, self.level) or ("grad-cam",)  # which says that level 0 has none
        return draw_sheet(self._rows_to_draw(self._chosen(row), methods, layer))

    def overlay(
        self, row: int = 0, layer: str | None = None, *, method: MapMethod = "grad-cam", outline: bool = True
    ) -> Image.Image:
        """Draws a map on the image, with nothing beside it.

        Args:
            row: One of the M rows.
            layer: The target layer; None is the first that was fetched, and of a detection model all, fused.
            method: The map to draw.
            outline: Whether a thin line marks the part of the image that the model saw.

        Returns:
            RGB, of the size at which the image was decoded, up to 2048 pixels on the longer side.

        Raises:
            TargetError: There is no such row.
            MethodError: The method does not give a map, or the explanation is of level 0.
            LayerError: The layer was not fetched.
        """
        from onnxcam.render.sheet import draw_overlay  # noqa: PLC0415  see above

        chosen = self._chosen(row)
        if len(chosen) != 1:
            raise TargetError(f"an overlay draws one row, not {len(chosen)}; draw several with figure")
        return draw_overlay(*self._rows_to_draw(chosen, (method,), layer), outline=outline)

    def _repr_png_(self) -> bytes:
        """The picture for notebooks that take PNG: the first rows, with the methods that the level gives."""
        return self._for_notebook()[0]

    def _repr_html_(self) -> str:
        """The same picture above a table of the explained classes."""
        from onnxcam.render.html import as_html  # noqa: PLC0415  see above

        return as_html(*self._for_notebook())

    def _for_notebook(self) -> tuple[bytes, list[ClassScore]]:
        from onnxcam.render.formats import encode  # noqa: PLC0415  see above
        from onnxcam.render.sheet import draw_sheet  # noqa: PLC0415  see above

        shown = range(min(len(self.class_index), _ROWS_IN_A_NOTEBOOK))
        rows = self._rows_to_draw(shown, default_methods(self.metadata, self.level), None)
        return encode(draw_sheet(rows), "PNG"), [row.explained for row in rows]

    def _rows_to_draw(self, rows: Sequence[int], methods: Sequence[Method], layer: str | None) -> list[Row]:
        """The contents of the picture's strips, one for each row."""
        from onnxcam.render.sheet import TOP_CLASSES, Result, Row  # noqa: PLC0415  see above

        values = {method: self._planes(method, layer) for method in methods}
        seen = {image: self._seen(image) for image in map(self.image_of, rows)}
        drawn = []
        for row, image in zip(rows, map(self.image_of, rows), strict=True):
            explained, top = self.explained(row), self.top(TOP_CLASSES, image)
            results = [Result(method, self.layers_of(method, layer), values[method][row]) for method in methods]
            outlines = self._outlines(row, seen[image][1])
            region = self.region_of(row) if self.metadata.image.is_picture else None
            drawn.append(Row(explained, top, *seen[image], results, self._kind_of_input, outlines, region))
        return drawn

    def _outlines(self, row: int, seen: Box) -> list[Outline]:
        """The boxes of a row's image, on the image of which the model saw a part."""
        from onnxcam.render.boxes import outlines  # noqa: PLC0415  see above

        return outlines(self.boxes(self.image_of(row)), self.box_of(row), seen, self.metadata)

    def _seen(self, image: int) -> tuple[Image.Image, Box]:
        """One of the N images (drawn from the tensor if there is none), and the box in it that the model saw."""
        from onnxcam.render.planes import picture_of  # noqa: PLC0415  see above

        if self.photographs is not None:
            return self.photographs[image].photograph, self.photographs[image].box
        drawn = picture_of(to_pixels(self.tensor[image : image + 1], self.metadata)[0])
        return drawn, (0, 0, *drawn.size)

    def _planes(self, method: Method, layer: str | None) -> list[Floats]:
        """A plane for each of the M maps, or of the M gradients at the input, which get their channels last in RGB."""
        from onnxcam.render.planes import plane_of_gradient, plane_of_map  # noqa: PLC0415  see above

        values = self.compute(method, layer)
        if is_at_input(method):
            return [plane_of_gradient(row) for row in channels_last(values, self.metadata)]
        return [plane_of_map(row, self.metadata.image.places) for row in values]

    @property
    def _kind_of_input(self) -> str:
        return "Photograph" if self.photographs is not None else self.metadata.image.kind.capitalize()

    def _chosen(self, row: int | Sequence[int] | None) -> list[int]:
        """The rows that the caller asked for."""
        if row is None:
            return list(range(len(self.class_index)))
        try:
            chosen = [operator.index(item) for item in (row if isinstance(row, Iterable) else [row])]
        except TypeError:
            chosen = []
        if not chosen:
            raise TargetError(f"a row is a whole number or a list of them, not {row!r}")
        for index in chosen:
            if not 0 <= index < len(self.class_index):
                last = len(self.class_index) - 1
                raise TargetError(f"there is no row {index}; the explanation has the rows 0 to {last}")
        return chosen
