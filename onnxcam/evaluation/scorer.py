"""Thousands of forward passes: the probability of one class for any number of images, in batches."""

from __future__ import annotations

import itertools
import threading
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from onnxcam.execution.model import Request
from onnxcam.execution.providers import CPU
from onnxcam.scores import probabilities
from onnxcam.targets.rows import rows_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from onnxcam.cam import Floats
    from onnxcam.execution.model import LoadedModel
    from onnxcam.metadata import Metadata

# On the CPU, an image takes 8.5 ms of a core in batches of 2, 8.9 ms of 4 and 9.1 ms of 8 (EfficientNet-Lite0, RISE's
# convention): more images do not fit into its cache. A GPU needs many to be busy.
_BATCH_ON_CPU, _BATCH_ELSEWHERE = 2, 32


class Scorer:
    """Runs a classifier at level 0, for any number of threads.

    The probability is that after the model's own softmax or sigmoid. If it has neither, it is the softmax of the
    scores, or the sigmoid of a single one.

    Attributes:
        images: The images that went through the model so far.
    """

    def __init__(self, model: LoadedModel, batch: int | None = None) -> None:
        """Prepares runs.

        Args:
            model: A classifier of images; best opened fixed at level 0.
            batch: The number of images in one run, unless the model fixes it; None is 2 on the CPU and 32 elsewhere.
        """
        self._model, self._metadata = model, model.metadata
        usual = _BATCH_ON_CPU if model.providers[0] == CPU else _BATCH_ELSEWHERE
        self._size = self._metadata.image.batch or batch or usual
        self.images = 0
        self._counting = threading.Lock()

    def __call__(self, images: Iterable[Floats], c: int) -> Floats:
        """The probabilities of a class.

        Args:
            images: Preprocessed images [C, H, W]; each is made when it is needed.
            c: The class.

        Returns:
            [n], in float64.
        """
        image, found = self._metadata.image, []
        batch = np.empty((self._size, *image.shape), image.dtype)
        every = iter(images)
        while several := list(itertools.islice(every, self._size)):
            for row, values in enumerate(several):
                batch[row] = to_input(values, self._metadata)
            # A model of a fixed batch gets old rows at the end, which are cut off.
            used = len(batch) if image.batch else len(several)
            found.append(self._probabilities(batch[:used])[: len(several), c])
        return np.concatenate(found) if found else np.zeros(0)

    def of_classes(self, image: Floats) -> Floats:
        """The probabilities of all classes for one image, [C]."""
        row = to_input(image, self._metadata)
        first: Floats = self._probabilities(np.stack([row] * (self._metadata.image.batch or 1)))[0]
        return first

    def _probabilities(self, tensor: npt.NDArray[Any]) -> Floats:
        with self._counting:
            self.images += len(tensor)
        rows = rows_of([-1], len(tensor), self._metadata.shape_of_scores)
        scores = self._model.run({self._metadata.image.name: tensor}, rows, Request()).scores
        usual = "softmax" if scores.shape[1] > 1 else "sigmoid"
        after = probabilities(scores, self._metadata.score_activation or usual)  # type: ignore[arg-type]
        assert after is not None  # noqa: S101  there is an activation
        return after


def to_channels_first(row: npt.NDArray[Any], metadata: Metadata) -> Floats:
    """One row of the model's input as [C, H, W] in float32."""
    axis = metadata.image.channel_axis
    values = row[None] if axis is None else np.moveaxis(row, axis - 1, 0)
    return np.ascontiguousarray(values, np.float32)


def to_input(image: Floats, metadata: Metadata) -> npt.NDArray[Any]:
    """An image [C, H, W] as one row of the model's input, in its layout and type."""
    axis, dtype = metadata.image.channel_axis, np.dtype(metadata.image.dtype)
    row = image[0] if axis is None else np.moveaxis(image, 0, axis - 1)
    if dtype.kind in "iu":
        limits = np.iinfo(dtype)
        row = np.clip(np.rint(row), limits.min, limits.max)
    return row.astype(dtype, copy=False)
