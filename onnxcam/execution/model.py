"""Runs a loaded explainer model: arrays in, arrays out, by the names of the artifact's contract."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from onnxcam.contract import (
    ACTIVATIONS_PREFIX,
    CLASS_INDEX_OUTPUT,
    GRADIENTS_PREFIX,
    LEVEL_INPUT,
    SCORES_OUTPUT,
    SEED_INPUT,
    TARGET_INPUT,
)
from onnxcam.detection import BoxFinder
from onnxcam.errors import ModelError
from onnxcam.execution.engine import first_line, is_its_own, onnxruntime
from onnxcam.execution.output_check import check_finite, check_shapes
from onnxcam.execution.outputs import Outputs, joined
from onnxcam.execution.session import open_session
from onnxcam.execution.tensor_types import TensorType, inputs_of, outputs_of
from onnxcam.execution.timeout import checked_timeout, ended_after, expired
from onnxcam.levels import AT_INPUT
from onnxcam.targets.rows import any_target, fixed_at, need_scores, resolve, rows_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from onnxruntime import InferenceSession

    from onnxcam.artifact.source import ModelSource
    from onnxcam.cam import Floats
    from onnxcam.metadata import Metadata
    from onnxcam.targets.rows import Rows, Wanted

# The exception has the message of a failed run; ONNX Runtime would print it as well.
_LOG_NOTHING = 4


@dataclass(frozen=True, slots=True)
class Request:
    """The options of a run.

    Attributes:
        layers: The target layers whose activations and gradients are fetched.
        level: 0, 1 or 2.
        timeout: The seconds after which the run is ended; None is no limit.
        finite: Whether NaN or infinity in the outputs is an error.
    """

    layers: Sequence[str] = ()
    level: int = 0
    timeout: float | None = None
    finite: bool = False


class LoadedModel:
    """An explainer model in ONNX Runtime, for any number of runs from any number of threads.

    Attributes:
        metadata: The model's metadata.
        inputs: The names and shapes of the original model's inputs.
        takes: All inputs of the graph, those with a default last.
        gives: All outputs of the graph.
        providers: The execution providers that it runs on.
    """

    metadata: Metadata
    inputs: dict[str, list[int | str | None]]
    takes: tuple[TensorType, ...]
    gives: tuple[TensorType, ...]
    providers: list[str]

    def __init__(
        self,
        model: ModelSource | None = None,
        providers: Sequence[str] | None = None,
        threads: int | None = None,
        *,
        strict: bool = False,
        level: int | None = None,
        spinning: bool = True,
    ) -> None:
        """Loads a model; the arguments and errors are those of ``open_session``."""
        session, self.metadata = open_session(model, providers, threads, strict=strict, level=level, spinning=spinning)
        own = {TARGET_INPUT, SEED_INPUT, LEVEL_INPUT}
        self.inputs = {value.name: value.shape for value in session.get_inputs() if value.name not in own}
        self.takes, self.gives = inputs_of(session), outputs_of(session)
        self.providers = list(session.get_providers())
        self._session: InferenceSession | None = session

    def close(self) -> None:
        """Frees the session's memory, once the runs that other threads have begun have ended."""
        self._session = None

    def explain(self, inputs: Mapping[str, npt.NDArray[Any]], wanted: Sequence[Wanted], request: Request) -> Outputs:
        """Runs the model for targets of any kind.

        Args:
            inputs: All inputs of the original model, by name.
            wanted: One target for all images, one for each, or, for one image, any number.
            request: The level, the layers and the timeout.

        Returns:
            The outputs of the level, with their M rows in the order of the targets.

        Raises:
            TargetError: A target has no gradient at these scores.
            ModelError: As in ``run``.
            RunTimeoutError: As in ``run``.
        """
        end = time.monotonic() + checked_timeout(request.timeout)
        images, shape, scores = len(inputs[self.metadata.image.name]), self.metadata.shape_of_scores, None
        finders: tuple[BoxFinder, ...] = ()
        if need_scores(wanted, images):
            (anything,) = resolve(any_target(self.metadata), images, self.metadata)
            first = rows_of(anything, images, shape)
            scores = self.run(inputs, first, Request(timeout=request.timeout, finite=True)).scores
            finders = self._finders(scores)
            wanted = fixed_at(wanted, scores, finders or None)
            request = replace(request, timeout=end - time.monotonic())
        rows = rows_of(wanted, images, shape, scores)
        outputs = self.run(inputs, rows, request)
        every = tuple(wanted) * (images if len(wanted) == 1 else 1)
        outputs = replace(outputs, wanted=every, finders=finders or self._finders(outputs.scores))
        known = np.array(rows.classes, np.int64)
        order = np.array(rows.order)
        if (order == np.arange(len(order))).all() and (known < 0).all():
            return outputs
        return replace(
            outputs,
            class_index=np.where(known < 0, outputs.class_index[order], known),
            gradients={layer: values[order] if len(values) else values for layer, values in outputs.gradients.items()},
            input_gradient=None if outputs.input_gradient is None else outputs.input_gradient[order],
        )

    def explain_each(self, images: npt.NDArray[Any], wanted: Sequence[Sequence[Wanted]], request: Request) -> Outputs:
        """Runs each image of a batch alone, since several targets need a batch of one.

        Args:
            images: [N, *input shape], for a model that has no other input.
            wanted: The targets of each image.
            request: The level, the layers and the timeout, which is for all images together.

        Returns:
            The outputs with M = N T rows, those of the first image first.

        Raises:
            ModelError: As in ``run``.
            RunTimeoutError: As in ``run``.
        """
        end, parts = time.monotonic() + checked_timeout(request.timeout), []
        for row, own in enumerate(wanted):
            image = {self.metadata.image.name: images[row : row + 1]}
            parts.append(self.explain(image, own, replace(request, timeout=end - time.monotonic())))
        return joined(parts)

    def run(self, inputs: Mapping[str, npt.NDArray[Any]], rows: Rows, request: Request) -> Outputs:
        """Runs the model once; the caller checks that the arguments fit it.

        Args:
            inputs: All inputs of the original model, by name.
            rows: The classes, ranks and seeds.
            request: The level, the layers and the timeout.

        Returns:
            The outputs of the level; no others are fetched. Their rows are in the model's order.

        Raises:
            ModelError: ONNX Runtime cannot run the model, it is closed, or its outputs differ from its metadata.
            RunTimeoutError: The run took too long.
        """
        metadata, level = self.metadata, request.level
        layers = request.layers if level else ()
        has_targets = metadata.classes is not None
        names = [SCORES_OUTPUT, *([CLASS_INDEX_OUTPUT] if has_targets else [])]
        names += [prefix + layer for prefix in (ACTIVATIONS_PREFIX, GRADIENTS_PREFIX) for layer in layers]
        names += [metadata.input_gradient_output] if level >= AT_INPUT else []
        got = dict(zip(names, self.fetch(names, self._feed(inputs, rows, level), request.timeout), strict=True))
        images, count = len(inputs[metadata.image.name]), len(rows.order)
        check_shapes(got, metadata, images, count)
        if request.finite:
            check_finite(got)
        return Outputs(
            scores=got[SCORES_OUTPUT],
            class_index=got[CLASS_INDEX_OUTPUT] if has_targets else np.full(count, -1, np.int64),
            activations={layer: got[ACTIVATIONS_PREFIX + layer] for layer in layers},
            gradients={layer: got[GRADIENTS_PREFIX + layer] for layer in layers},
            input_gradient=got.get(metadata.input_gradient_output),
        )

    def _finders(self, scores: Floats) -> tuple[BoxFinder, ...]:
        head = self.metadata.detection
        return () if head is None else tuple(BoxFinder(own, head) for own in scores)

    def _feed(self, inputs: Mapping[str, npt.NDArray[Any]], rows: Rows, level: int) -> dict[str, npt.NDArray[Any]]:
        """All inputs; no seeds are left out where they have a default."""
        metadata, feed = self.metadata, dict(inputs)
        if metadata.classes is not None:
            feed[TARGET_INPUT] = rows.targets
        if metadata.has_level_input:
            feed[LEVEL_INPUT] = np.array(level, np.int64)
        if metadata.has_seeds and (len(rows.seeds) or metadata.inputs == "required"):
            feed[SEED_INPUT] = rows.seeds
        return feed

    def fetch(
        self, names: Sequence[str], feed: Mapping[str, npt.NDArray[Any]], timeout: float | None = None
    ) -> list[npt.NDArray[Any]]:
        """Outputs of the graph by their names, as ONNX Runtime gives them; the caller checks what it feeds.

        Args:
            names: Of the outputs.
            feed: The graph's inputs by name; those with a default may be left out.
            timeout: The seconds after which the run is ended; None is no limit.

        Raises:
            ModelError: ONNX Runtime cannot run the model, or it is closed.
            RunTimeoutError: The run took too long.
        """
        session = self._session  # a reference until the run ends, in case the model is closed meanwhile
        if session is None:
            raise ModelError("the explainer is closed; make a new one")
        options = onnxruntime.RunOptions()
        options.log_severity_level = _LOG_NOTHING
        with ended_after(timeout, options):
            try:
                fetched: list[npt.NDArray[Any]] = session.run(names, feed, options)
            except Exception as error:
                if not is_its_own(error):
                    raise
                if options.terminate:
                    raise expired() from error
                raise ModelError(f"the model could not be run: {first_line(error)}") from error
        return fetched
