"""Turns the bytes of images into rows of a table; an image that cannot be explained is a row with an error."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import numpy as np

from onnxcam.bulk.columns import Row
from onnxcam.bulk.rows import ImageFile, PreparedImage, Wish, rows_of
from onnxcam.errors import ModelError, OnnxCamError
from onnxcam.execution.engine import onnxruntime
from onnxcam.photograph.opening import open_picture
from onnxcam.photograph.preprocessing import needed_shorter_side, preprocess, required
from onnxcam.targets.rows import any_target, resolve
from onnxcam.text import printable
from onnxcam.version import __version__

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    from onnxcam.explainer import Explainer
    from onnxcam.explanation import Explanation


def check(explainer: Explainer, wish: Wish) -> None:
    """Checks before a job that a model can do what is asked, on one grey image.

    Raises:
        ModelError: The model does not take images, or fixes their number.
        TensorError: It needs other inputs too.
        TargetError: It has no such target.
        MethodError: It has no such level or method.
        LayerError: It has no such layer.
    """
    metadata = explainer.metadata
    required(metadata)
    if metadata.image.batch not in {None, 1}:
        raise ModelError(
            f"the model takes {metadata.image.batch} images at a time, no more and no fewer; export it with an open "
            "batch"
        )
    resolve(list(wish.targets), 1, metadata)
    grey = np.zeros((1, *metadata.image.shape), metadata.image.dtype)
    explanation = explainer.run(grey, any_target(metadata), layer=wish.layer, level=wish.level)
    if wish.level:
        explanation.map(wish.method, wish.layer)


class Recorder:
    """Explains batches of image files with one explainer, and gives their rows."""

    def __init__(self, explainer: Explainer, wish: Wish, *, threads: int = 1, model: str | None = None) -> None:
        """Makes a recorder.

        Args:
            explainer: The explainer.
            wish: The computation, which ``check`` has found possible.
            threads: The threads that decode images.
            model: SHA-256 of the model file, for the rows.
        """
        self._explainer, self._wish = explainer, wish
        self._shorter = needed_shorter_side(explainer.metadata)
        self._pool = ThreadPoolExecutor(threads) if threads > 1 else None
        self._versions = {"model": model, "onnxcam": __version__, "onnxruntime": onnxruntime.__version__}

    def rows(self, files: Sequence[ImageFile]) -> list[Row]:
        """Explains a batch of images.

        Args:
            files: The images.

        Returns:
            A row for each image and target, or one with an error; in the order of the images.
        """
        opened = list((self._pool.map if self._pool else map)(self._prepared, files))
        good = [item for item in opened if isinstance(item, PreparedImage)]
        explained = iter(self._explained(good))
        return [row for item in opened for row in ([item] if isinstance(item, Row) else next(explained))]

    def _prepared(self, file: ImageFile) -> PreparedImage | Row:
        if file.error is not None or file.content is None:
            return self._failed(file, file.error or "there are no bytes")
        try:
            picture = open_picture(file.content, shorter=self._shorter, name=file.path)
            tensor, placed = preprocess(picture, self._explainer.metadata)
        except OnnxCamError as error:
            return self._failed(file, str(error))
        return PreparedImage(file, tensor, placed)

    def _explained(self, images: Sequence[PreparedImage]) -> list[list[Row]]:
        """The rows of each image. If a batch fails, its images are run alone, so that only the culprit has an error."""
        if not images:
            return []
        if len(images) > 1 and self._explainer.metadata.image.batch is not None:
            return [rows for image in images for rows in self._explained([image])]
        try:
            explanation = self._run(np.stack([image.tensor for image in images]))
            return rows_of(explanation, images, self._wish, self._versions)
        except OnnxCamError as error:
            if len(images) == 1:
                return [[self._failed(images[0].file, str(error))]]
            return [rows for image in images for rows in self._explained([image])]

    def _run(self, tensor: npt.NDArray[Any]) -> Explanation:
        wish = self._wish
        targets: Any = wish.targets[0] if len(wish.targets) == 1 else [list(wish.targets)] * len(tensor)
        if len(tensor) == 1:
            targets = list(wish.targets)
        return self._explainer.run(tensor, targets, layer=wish.layer, level=wish.level)

    def _failed(self, file: ImageFile, reason: str) -> Row:
        return Row(file.path, file.hash, error=printable(reason), **self._versions)
