"""Explains a picture that a client sent, and writes the answer as JSON or as another picture."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np

from onnxcam.errors import PictureError
from onnxcam.measures import boxes_of, peak_of, range_of
from onnxcam.methods import is_at_input
from onnxcam.serving.exchange.failures import INVALID, RequestError
from onnxcam.serving.picture.options import JSON, MEDIA_TYPES
from onnxcam.targets.written import read_target

if TYPE_CHECKING:
    from onnxcam.cam import Floats
    from onnxcam.explanation import Explanation
    from onnxcam.methods import Method
    from onnxcam.photograph.geometry import Geometry
    from onnxcam.serving.models import ServedModel
    from onnxcam.serving.picture.options import PictureRequest


def explain(model: ServedModel, picture: bytes | memoryview, request: PictureRequest, timeout: float) -> Explanation:
    """Explains a picture.

    Args:
        model: The model.
        picture: The bytes of an image file.
        request: What is wanted.
        timeout: In seconds, for the run.

    Raises:
        RequestError: There is no picture, or the model takes none.
        PictureError: It is no image, damaged or too large.
        TargetError: The model has no such target.
        LayerError: The model has no such layer.
        ModelError: The model cannot be run.
        RunTimeoutError: It took too long.
    """
    if model.metadata.preprocessing is None or not model.metadata.image.is_picture:
        raise RequestError(
            INVALID,
            "this model takes no pictures: it was exported without preprocessing, or its input is a "
            f"{model.metadata.image.kind}; send tensors to /v2/models/{model.name}/infer",
        )
    if not len(picture):
        raise RequestError(INVALID, "there is no picture in the request; send the bytes of an image file as its body")
    targets = [read_target(text, model.metadata) for text in request.targets]
    explainer = model.at(request.level)
    level = request.level if model.metadata.has_level_input else None
    return explainer.explain(picture, targets, layer=request.layer, level=level, timeout=timeout)


def write(explanation: Explanation, request: PictureRequest, model: str) -> tuple[bytes, str]:
    """Writes the answer.

    Args:
        explanation: Of one picture.
        request: What is wanted.
        model: The model's name.

    Returns:
        The body and its media type.

    Raises:
        OutputError: There are too many rows for one picture.
    """
    if request.format == JSON:
        return msgspec.json.encode(_record(explanation, request, model)), MEDIA_TYPES[JSON]
    # Not needed for JSON, and imported once.
    from onnxcam.render.formats import encode, named_format  # noqa: PLC0415

    drawn = explanation.figure(methods=request.methods, layer=request.layer)
    return encode(drawn, named_format(request.format)), MEDIA_TYPES[request.format]


def _record(explanation: Explanation, request: PictureRequest, model: str) -> dict[str, Any]:
    arrays = {method: explanation.compute(method, request.layer) for method in request.methods}
    explained = [
        {
            **asdict(explanation.explained(row)),
            "methods": {
                method: _described(explanation, method, request.layer, values[row]) for method, values in arrays.items()
            },
        }
        for row in range(len(explanation.class_index))
    ]
    answer = {"model": model, "image": _seen(explanation), "classes": list(map(asdict, explanation.top(request.top)))}
    if explanation.metadata.detection is not None:
        answer["boxes"] = boxes_of(explanation, _placed(explanation))
    return answer | {"explained": explained}


def _described(explanation: Explanation, method: Method, layer: str | None, values: Floats) -> dict[str, Any]:
    """A map with its values and its peak; of a gradient at the input, which has many more, only the range."""
    described = range_of(values)
    if is_at_input(method):
        return described | {"mean": float(values.mean(dtype=np.float64))}
    layers = explanation.layers_of(method, layer)
    return described | {"layers": layers, "peak": peak_of(values, _placed(explanation)), "values": values.tolist()}


def _seen(explanation: Explanation) -> dict[str, Any]:
    """The size of the upright image, and the part of it that the model saw and that maps cover, in its pixels."""
    placed = _placed(explanation)
    return {"size": list(placed.photograph), "seen": [round(edge, 1) for edge in placed.box_on(placed.photograph)]}


def _placed(explanation: Explanation) -> Geometry:
    if explanation.photographs is None:
        raise PictureError("this explanation is of a tensor, and has no picture")
    return explanation.photographs[0].geometry
