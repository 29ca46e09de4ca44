"""Measures one map of one image by all metrics of a convention."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from onnxcam.evaluation import metrics
from onnxcam.evaluation.records import Measured

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from onnxcam.cam import Floats
    from onnxcam.evaluation.conventions import Convention, Metric, Substitute

    # Images [C, H, W] to the probabilities of the class, [n].
    Score = Callable[[Iterable[Floats]], Floats]


@dataclass(frozen=True, slots=True, eq=False)
class Subject:
    """An image that is explained.

    Attributes:
        image: [C, H, W], preprocessed.
        substitutes: Those that the convention needs, [C, H, W].
        probability: Of the class, for the image.
        probabilities: Of the class, for each substitute.
        region: Where the object is, [H, W]; None if it is not known.
    """

    image: Floats
    substitutes: Mapping[Substitute, Floats]
    probability: float
    probabilities: Mapping[Substitute, float]
    region: npt.NDArray[np.bool_] | None = None


def subject_of(
    image: Floats,
    score: Score,
    convention: Convention,
    substitute: Callable[[Substitute], Floats],
    region: npt.NDArray[np.bool_] | None = None,
) -> Subject:
    """An image with what all its maps are compared with.

    Args:
        image: [C, H, W], preprocessed.
        score: The class's probabilities.
        convention: Whose substitutes are needed.
        substitute: Makes one.
        region: Where the object is.
    """
    kinds = sorted({convention.deletion, convention.insertion, convention.masking})
    substitutes = {kind: substitute(kind) for kind in kinds}
    probability, *others = score([image, *substitutes.values()])
    found = {kind: float(value) for kind, value in zip(kinds, others, strict=True)}
    return Subject(image, substitutes, float(probability), found, region)


def measure(
    saliency: Floats,
    subject: Subject,
    score: Score,
    convention: Convention,
    explain: Callable[[Floats], Floats],
) -> Measured:
    """Measures a map.

    Args:
        saliency: [H, W] in [0, 1].
        subject: The image.
        score: The class's probabilities; it is called once, with all images that the metrics need.
        convention: What is measured, and how.
        explain: The same method's map of another image, for the same class.
    """
    wanted = convention.metrics
    images = _Images(saliency, subject, convention)
    scores = iter(score(images).tolist())
    found = Measured()
    if "deletion" in wanted:
        inside = list(itertools.islice(scores, convention.steps - 1))
        found.deletion = [subject.probability, *inside, subject.probabilities[convention.deletion]]
        found.metrics["deletion"] = metrics.area_under_curve(np.array(found.deletion))
    if "insertion" in wanted:
        inside = list(itertools.islice(scores, convention.steps - 1))
        found.insertion = [subject.probabilities[convention.insertion], *inside, subject.probability]
        found.metrics["insertion"] = metrics.area_under_curve(np.array(found.insertion))
    if "road" in wanted:
        morf, lerf = (list(itertools.islice(scores, len(convention.percentiles))) for _ in range(2))
        found.metrics["road"] = metrics.road(lerf, morf)
    if "drop" in wanted:
        found.metrics |= _of_masked(saliency, subject, next(scores), convention, explain)
    if subject.region is not None and "pointing" in wanted:
        found.metrics["pointing"] = metrics.pointing_game(saliency, subject.region)
    if subject.region is not None and "energy" in wanted:
        found.metrics["energy"] = metrics.energy_in_region(saliency, subject.region)
    return found


@dataclass(frozen=True, slots=True, eq=False)
class _Images:
    """The images whose probabilities a map's metrics need, in the order in which ``measure`` takes them."""

    saliency: Floats
    subject: Subject
    convention: Convention

    def __iter__(self) -> Iterator[Floats]:
        wanted, subject = self.convention.metrics, self.subject
        if "deletion" in wanted:
            yield from self._curve(subject.image, subject.substitutes[self.convention.deletion])
        if "insertion" in wanted:
            yield from self._curve(subject.substitutes[self.convention.insertion], subject.image)
        if "road" in wanted:
            yield from self._imputed(metrics.kept_least_relevant)
            yield from self._imputed(metrics.kept_most_relevant)
        if "drop" in wanted:
            yield _masked(self.saliency, subject, self.convention)

    def _curve(self, start: Floats, finish: Floats) -> Iterator[Floats]:
        """The images between both ends, whose probabilities are known."""
        order = metrics.removal_order(self.saliency)
        counts = metrics.step_counts(len(order), self.convention.steps)
        return metrics.exchanged(start, finish, order, counts[1:-1])

    def _imputed(self, kept: Callable[[Floats, float], npt.NDArray[np.bool_]]) -> Iterator[Floats]:
        for percentile in self.convention.percentiles:
            known = kept(self.saliency, percentile)
            yield metrics.noisy_linear_imputation(self.subject.image, known, noise=self.convention.noise)


def _masked(saliency: Floats, subject: Subject, convention: Convention) -> Floats:
    return metrics.masked(subject.image, saliency, subject.substitutes[convention.masking])


def _of_masked(
    saliency: Floats, subject: Subject, after: float, convention: Convention, explain: Callable[[Floats], Floats]
) -> dict[Metric, float]:
    """The metrics that multiply the image by the map."""
    change = metrics.average_drop if convention.relative_drop else metrics.confidence_drop
    found: dict[Metric, float] = {"drop": float(change(subject.probability, after))}
    if "increase" in convention.metrics:
        found["increase"] = float(metrics.increase_in_confidence(subject.probability, after))
    if "coherency" in convention.metrics:
        found["coherency"] = metrics.coherency(saliency, explain(_masked(saliency, subject, convention)))
    if "complexity" in convention.metrics:
        found["complexity"] = metrics.complexity(saliency)
    if "adcc" in convention.metrics:
        found["adcc"] = float(metrics.adcc(found["coherency"], found["complexity"], found["drop"]))
    return found
