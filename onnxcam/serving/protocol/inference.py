"""An inference request from its bytes to the bytes of its answer."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from onnxcam.contract import LEVEL_INPUT
from onnxcam.serving.exchange.failures import INVALID, RequestError
from onnxcam.serving.protocol.answer import write_answer
from onnxcam.serving.protocol.checks import check_inputs, with_rows
from onnxcam.serving.protocol.levels import level_of, requested_level, without_higher
from onnxcam.serving.protocol.request import read_request
from onnxcam.text import listed

if TYPE_CHECKING:
    from collections.abc import Sequence

    from onnxcam.serving.models import ServedModel
    from onnxcam.serving.protocol.checks import Feed
    from onnxcam.serving.protocol.request import InferenceRequest
    from onnxcam.serving.running.limits import Limits


@dataclass(frozen=True, slots=True)
class Inference:
    """A request that its model can run.

    Attributes:
        model: The model.
        request: The request as it was read.
        feed: The inputs of the graph, without the level.
        level: The level of the run.
        names: The outputs to fetch.
        images: N.
        rows: M, or N if that is more.
    """

    model: ServedModel
    request: InferenceRequest
    feed: Feed
    level: int
    names: Sequence[str]
    images: int
    rows: int

    def run(self, timeout: float | None) -> Feed:
        """Runs the model.

        Args:
            timeout: In seconds.

        Returns:
            The outputs by name.

        Raises:
            ModelError: The model cannot be run.
            RunTimeoutError: It took too long.
        """
        fetched = self.model.at(self.level).model.fetch(self.names, self.feed, timeout)
        return self.trimmed(dict(zip(self.names, fetched, strict=True)))

    def with_feed(self, feed: Feed) -> Inference:
        """The same request of other inputs."""
        return replace(self, feed=feed)

    def trimmed(self, outputs: Feed) -> Feed:
        """The outputs as the level of the request gives them, whichever level the session has."""
        return without_higher(outputs, self.level) if self.model.metadata.has_level_input else outputs

    def answer(self, outputs: Feed) -> tuple[bytes, int | None]:
        """The body of the answer, and the length of the JSON at its start; None if it is all JSON.

        Raises:
            RequestError: An output that is wanted as JSON holds NaN or infinity.
        """
        binary = self.request.outputs or dict.fromkeys(outputs, self.request.binary)
        return write_answer(self.model.name, self.request.id, outputs, binary)


def read_inference(model: ServedModel, body: memoryview, json_length: int | None, limits: Limits) -> Inference:
    """Reads a request and checks it against its model.

    Args:
        model: The model that the path names.
        body: The body.
        json_length: The length of the JSON at its start; None if it is all JSON.
        limits: The limits of the service.

    Raises:
        RequestError: It is no valid request, or does not fit the model or the limits.
        TargetError: There is no such class or rank, or targets and seeds do not fit the images.
        MethodError: The model has no such level.
    """
    request = read_request(body, json_length)
    names = _outputs(request, model)
    check_inputs(request.inputs, model.takes)
    inputs = dict(request.inputs)
    sent = inputs.pop(LEVEL_INPUT, None)
    level = requested_level(sent, names if request.outputs else (), model.metadata, model.highest)
    feed, rows = with_rows(inputs, model.metadata, limits.rows)
    images = len(feed[model.metadata.image.name])
    return Inference(model, request, feed, level, names, images, rows)


def _outputs(request: InferenceRequest, model: ServedModel) -> Sequence[str]:
    given = [tensor.name for tensor in model.gives]
    if not request.outputs:
        return given
    unknown = [name for name in request.outputs if name not in given]
    if unknown:
        raise RequestError(INVALID, f"the model has no output {listed(unknown)}; it gives {listed(given)}")
    above = [name for name in request.outputs if level_of(name) > model.highest]
    if above:
        raise RequestError(
            INVALID,
            f"output {listed(above)} is of a level above {model.highest}, the highest of this service",
        )
    return list(request.outputs)
