"""Draws an explanation: to a file, to a Pillow image, or in a notebook.

``onnxcam.render`` is imported when something is drawn, so that a service that only computes starts faster.
"""

from __future__ import annotations

import operator
from abc import ABC, abstractmethod
from collections.abc import Iterable
from typing import TYPE_CHECKING, BinaryIO

from onnxcam.errors import TargetError
from onnxcam.methods import DEFAULT_METHODS

if TYPE_CHECKING:
    import os
    from collections.abc import Sequence
    from pathlib import Path

    from PIL import Image

    from onnxcam.methods import MapMethod, Method
    from onnxcam.render.sheet import Row
    from onnxcam.scores import ClassScore

# A notebook shows the first rows; ``figure`` draws all.
_ROWS_IN_A_NOTEBOOK = 8


class Drawable(ABC):
    """A result of M rows, each of which can be drawn."""

    __slots__ = ()

    @property
    @abstractmethod
    def _row_count(self) -> int:
        """M, the number of rows."""

    @property
    @abstractmethod
    def _available_methods(self) -> tuple[Method, ...]:
        """The methods that are drawn by default."""

    @abstractmethod
    def _rows_to_draw(self, rows: Sequence[int], methods: Sequence[Method], layer: str | None) -> list[Row]:
        """The contents of the picture's strips, one for each row."""

    def save(
        self,
        target: str | os.PathLike[str] | BinaryIO,
        *,
        row: int | Sequence[int] | None = None,
        methods: Sequence[Method] = DEFAULT_METHODS,
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
        methods: Sequence[Method] = DEFAULT_METHODS,
        layer: str | None = None,
    ) -> Image.Image:
        """Draws the explanation: a strip for each row, with the image and a panel for each method.

        If a tensor was given instead of an image, the tensor is drawn in the image's place. An input with neither one
        channel nor three is drawn in grey: the mean over its channels, and the root of the mean square for guided
        backpropagation.

        Args:
            row: One of the M rows, or several; None is all.
            methods: The methods to draw beside the image.
            layer: The target layer; None is the first that was fetched.

        Returns:
            The picture, RGB, with no side longer than 16,000 pixels.

        Raises:
            TargetError: There is no such row.
            MethodError: A method needs a higher level, or the model does not have it.
            LayerError: The layer was not fetched.
            OutputError: There are too many rows for one picture.
        """
        from onnxcam.render.sheet import draw_sheet  # noqa: PLC0415  see above

        return draw_sheet(self._rows_to_draw(self._chosen(row), methods, layer))

    def overlay(
        self, row: int = 0, layer: str | None = None, *, method: MapMethod = "grad-cam", outline: bool = True
    ) -> Image.Image:
        """Draws a map on the image, with nothing beside it.

        Args:
            row: One of the M rows.
            layer: The target layer; None is the first that was fetched.
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

        rows = self._rows_to_draw(range(min(self._row_count, _ROWS_IN_A_NOTEBOOK)), self._available_methods, None)
        return encode(draw_sheet(rows), "PNG"), [row.explained for row in rows]

    def _chosen(self, row: int | Sequence[int] | None) -> list[int]:
        """The rows that the caller asked for."""
        if row is None:
            return list(range(self._row_count))
        try:
            chosen = [operator.index(item) for item in (row if isinstance(row, Iterable) else [row])]
        except TypeError:
            chosen = []
        if not chosen:
            raise TargetError(f"a row is a whole number or a list of them, not {row!r}")
        for index in chosen:
            if not 0 <= index < self._row_count:
                raise TargetError(f"there is no row {index}; the explanation has the rows 0 to {self._row_count - 1}")
        return chosen
