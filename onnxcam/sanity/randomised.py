"""A copy of a model whose weights are permuted layer by layer, from the scores down.

Permuting keeps a weight's mean, variance and every other moment, and takes away what it has learned.
"""

from __future__ import annotations

import contextlib
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from onnxcam.artifact.adapt import undamaged
from onnxcam.artifact.external_data import locations, refuse_foreign_data
from onnxcam.artifact.weights import weighted_layers
from onnxcam.errors import OutputError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from onnxcam.artifact.weights import Weight


class RandomisedCopy:
    """A copy of a model in a folder of its own.

    Attributes:
        path: The copy.
        layers: The names of the layers' weights, the last layer first.
        depth: The number of layers that are randomised so far.
    """

    def __init__(self, path: Path) -> None:
        """Reads the layers of a model that may be changed.

        Raises:
            ModelError: The file is damaged.
        """
        self.path, self.depth = path, 0
        with undamaged(str(path)):
            self._layers = weighted_layers(path)
        self.layers = [layer.name for layer in self._layers]

    def randomise(self, depth: int) -> None:
        """Permutes the weights of the last layers that are not permuted yet.

        Args:
            depth: The number of layers that are randomised afterwards.
        """
        for index in range(self.depth, depth):
            self.permute(index)
        self.depth = max(depth, self.depth)

    def permute(self, index: int, seed: int = 0) -> None:
        """Permutes the weights of one layer, also of one that is permuted already.

        Args:
            index: The layer, counted from the last.
            seed: Another seed gives another permutation.
        """
        for position, copies in enumerate(self._layers[index].weights):
            for weight in copies:
                self._permute(weight, np.random.default_rng([index, position, seed]))

    def _permute(self, weight: Weight, generator: np.random.Generator) -> None:
        path = self.path if weight.location is None else self.path.parent / weight.location
        stop = path.stat().st_size if weight.end is None else weight.end
        count = (stop - weight.start) // weight.itemsize
        # As unsigned integers, which every type of float can be moved as.
        elements = np.memmap(path, f"u{weight.itemsize}", "r+", weight.start, (count,))
        elements[:] = generator.permutation(elements)
        elements.flush()


@contextlib.contextmanager
def randomised_copy(model: Path) -> Iterator[RandomisedCopy]:
    """Copies a model and the files of its weights to a temporary folder for the block.

    Args:
        model: An explainer model.

    Yields:
        The copy.

    Raises:
        ModelError: The model is damaged, or keeps weights outside its folder.
        OutputError: There is no room for the copy.
    """
    refuse_foreign_data(str(model), str(model))
    with tempfile.TemporaryDirectory(prefix="onnxcam-") as name:
        folder = Path(name)
        try:
            copy = folder / "model.onnx"
            shutil.copyfile(model, copy)
            for location in set(locations(model.read_bytes())):
                (folder / location).parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(model.parent / location, folder / location)
        except OSError as error:
            raise OutputError(f"cannot copy {model} to {folder}: {error.strerror or error}") from error
        yield RandomisedCopy(copy)
