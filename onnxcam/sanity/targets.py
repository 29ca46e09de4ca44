"""The targets that the sanity checks explain: the top-scoring class, and some that are not in the picture."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from onnxcam.targets.of_detections import Detection
from onnxcam.targets.of_scores import Element
from onnxcam.targets.rows import any_target

if TYPE_CHECKING:
    import numpy.typing as npt

    from onnxcam.explainer import Explainer
    from onnxcam.targets.rows import Target


def targets_of(explainer: Explainer, tensor: npt.NDArray[Any]) -> list[Target]:
    """The targets of a picture, which stay the same when the model is changed.

    Args:
        explainer: The model.
        tensor: [1, *input shape].

    Returns:
        Of a classifier, the class with the highest score, and those a quarter, a half and three quarters down the
        ranking. Of other models one target: the most confident box, or the highest score.

    Raises:
        TargetError: A detection model finds no box.
    """
    metadata = explainer.metadata
    if metadata.classes == 1:
        return [0, 1] if metadata.is_binary else [0]
    scores = explainer.run(tensor, any_target(metadata), level=0).scores[0]
    if metadata.classes is not None:
        order = np.argsort(-scores, kind="stable")
        return [int(order[place]) for place in sorted({0, *(len(order) * part // 4 for part in (1, 2, 3))})]
    if metadata.detection is not None:
        return [Detection().bound(metadata).fixed_at(scores)]
    return [Element(*map(int, np.unravel_index(np.argmax(scores), scores.shape)))]
