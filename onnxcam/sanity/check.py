"""The sanity checks: maps of two classes, of a model with permuted weights, and of a shifted input.

The cascade from the last layer down is that of Adebayo et al. 2018, https://arxiv.org/abs/1810.03292. It is made with
the finished artifact: what is permuted are the weights in a copy of the file, which forward pass and gradient share.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from onnxcam import cam
from onnxcam.artifact.adapt import stated_metadata, undamaged
from onnxcam.errors import ModelError
from onnxcam.explainer import Explainer
from onnxcam.sanity.maps import maps_of
from onnxcam.sanity.randomised import randomised_copy
from onnxcam.sanity.results import SanityReport, curves_of, interval_over
from onnxcam.sanity.shifted import SHIFT, can_be_shifted, shifted
from onnxcam.sanity.similarity import spearman, structural_similarity
from onnxcam.sanity.targets import targets_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    import numpy.typing as npt

    from onnxcam.cam import Floats
    from onnxcam.intervals import Interval
    from onnxcam.levels import Level
    from onnxcam.sanity.maps import MapOf
    from onnxcam.sanity.randomised import RandomisedCopy
    from onnxcam.sanity.results import Similarity
    from onnxcam.targets.rows import Target

Maps = dict[str, "list[Floats]"]
# From a number of steps to a block, which gives a function to call after each step.
Progress = Callable[[int], AbstractContextManager[Callable[[], None]]]

# Of the last layer, whose result the verdict rests on. Of the default model and three photographs, the mean rank
# correlation of Grad-CAM's maps is from -0.13 to 0.37 in one permutation or another.
PERMUTATIONS = 5


def depths_of(layers: int) -> tuple[int, ...]:
    """1, 2, 4, 8 … and all of the layers."""
    return (*(2**power for power in range(layers.bit_length()) if 2**power < layers), layers)


def check_sanity(
    model: Path,
    tensors: Sequence[npt.NDArray[Any]],
    *,
    methods: Mapping[str, MapOf] | None = None,
    progress: Progress = lambda _: contextlib.nullcontext(lambda: None),
    threads: int | None = None,
) -> SanityReport:
    """Checks whether the methods' maps change with the class and with the model's weights.

    Args:
        model: The path of an explainer model.
        tensors: The pictures as the model's input, [1, *input shape] each.
        methods: Functions that compute maps from an explanation, by name; None is all methods of the model.
        progress: Shows the progress.
        threads: As in ``onnxcam.Explainer``.

    Returns:
        The results.

    Raises:
        ModelError: The model is damaged, or has no layer whose weights could be permuted.
        OutputError: There is no room for a copy of the model.
    """
    explainer = _opened(model, threads)  # first, since ONNX Runtime refuses a damaged file
    with randomised_copy(model) as copy:
        functions = maps_of(explainer.metadata) if methods is None else methods
        _check_not_empty(model, copy, functions)
        depths = depths_of(len(copy.layers))
        with progress(1 + PERMUTATIONS + len(depths)) as advance:
            targets = [targets_of(explainer, tensor) for tensor in tensors]
            both = _maps(explainer, tensors, targets, functions)
            classes = {name: _of_classes(values) for name, values in both.items()}
            before = {name: [maps[:1] for maps in values] for name, values in both.items()}
            advance()
            run = _Run(tensors, [own[:1] for own in targets], functions, before, threads)
            shift: Mapping[str, Interval | None] = dict.fromkeys(functions)
            if can_be_shifted(explainer.metadata):
                shift = run.with_shift(copy.path)
            advance()
            cascade = _cascade(copy, run, depths, advance)
        results = {
            name: curves_of(classes[name], [one[name] for one in cascade], shift[name], len(tensors))
            for name in functions
        }
        return SanityReport(len(tensors), tuple(copy.layers), depths, results)


def _cascade(
    copy: RandomisedCopy, run: _Run, depths: Sequence[int], advance: Callable[[], None]
) -> list[dict[str, list[Similarity]]]:
    """The similarities at each depth, by method; of the last layer alone, those of several permutations in turn."""
    found = []
    for depth in depths:
        copy.randomise(depth)
        found.append(run.similarities(copy.path))
        advance()
        for seed in range(1, PERMUTATIONS if depth == 1 else 1):
            copy.permute(0, seed)
            for name, more in run.similarities(copy.path).items():
                found[0][name] += more
            advance()
    return found


@dataclass(frozen=True, slots=True)
class _Run:
    """What is done alike with each changed copy."""

    tensors: Sequence[npt.NDArray[Any]]
    targets: Sequence[Sequence[Target]]
    functions: Mapping[str, MapOf]
    before: Maps
    threads: int | None

    def similarities(self, path: Path) -> dict[str, list[Similarity]]:
        """The similarities of each picture's map with that before, by method."""
        explainer = _opened(path, self.threads)
        places = explainer.metadata.image.places
        after = _maps(explainer, self.tensors, self.targets, self.functions)
        return {
            name: [_similarity(a, b, places) for a, b in zip(self.before[name], after[name], strict=True)]
            for name in self.functions
        }

    def with_shift(self, path: Path) -> dict[str, Interval]:
        """The rank correlation with the maps before, of the model and its input shifted against each other."""
        copy = path.with_name("shifted.onnx")
        with undamaged(str(path)):
            copy.write_bytes(shifted(path.read_bytes()))
        moved = [tensor + np.asarray(SHIFT, tensor.dtype) for tensor in self.tensors]
        after = _maps(_opened(copy, self.threads), moved, self.targets, self.functions)
        return {
            name: interval_over(spearman(a[0], b[0]) for a, b in zip(self.before[name], after[name], strict=True))
            for name in self.functions
        }


def _check_not_empty(model: Path, copy: RandomisedCopy, functions: Mapping[str, MapOf]) -> None:
    if not copy.layers:
        raise ModelError(f"{model} has no layer with stored weights, so nothing can be randomised in it")
    if not functions:
        raise ModelError(f"{model} is fixed at level 0 and gives no maps; check the model that it was adapted from")


def _opened(path: Path, threads: int | None) -> Explainer:
    """At its highest level alone, which loads sooner."""
    return Explainer(path, providers=["cpu"], threads=threads, level=cast("Level", stated_metadata(path).highest_level))


def _maps(
    explainer: Explainer,
    tensors: Sequence[npt.NDArray[Any]],
    targets: Sequence[Sequence[Target]],
    functions: Mapping[str, MapOf],
) -> Maps:
    """The maps of each picture, [targets, *places], by method."""
    maps: Maps = {name: [] for name in functions}
    for tensor, own in zip(tensors, targets, strict=True):
        explanation = explainer.run(tensor, list(own))
        for name, function in functions.items():
            maps[name].append(function(explanation))
    return maps


def _of_classes(maps: Sequence[Floats]) -> Interval | None:
    """The rank correlation of the first class's map with those of the others, a mean of these for each picture."""
    if any(len(own) < 2 for own in maps):
        return None
    return interval_over(np.mean([spearman(own[0], other) for other in own[1:]]) for own in maps)


def _similarity(before: Floats, after: Floats, places: Sequence[int]) -> Similarity:
    scaled = [cam.upsample(cam.normalise(maps.astype(np.float64)), places)[0] for maps in (before, after)]
    return spearman(before[0], after[0]), structural_similarity(*scaled)
