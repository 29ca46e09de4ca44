"""Other forms of a finished artifact, made by a few edits in the file's bytes.

A fixed level is no input any more: the branches that it takes are in the place of the ``If`` nodes. Required inputs
have no defaults, for runtimes that do not list inputs with defaults. Weights are copied as they are, and none of the
packages that write ONNX is needed.
"""

from __future__ import annotations

import contextlib
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from onnxcam.artifact import emit, wire
from onnxcam.artifact.fixing import FixedNodes
from onnxcam.artifact.graph import read_name
from onnxcam.artifact.onnx_fields import (
    GRAPH_INITIALIZER,
    GRAPH_INPUT,
    GRAPH_NODE,
    INT64,
    KEY,
    MODEL_GRAPH,
    MODEL_PROPERTY,
    TENSOR_NAME,
    VALUE,
    VALUE_NAME,
)
from onnxcam.artifact.source import readable
from onnxcam.contract import LEVEL_INPUT, METADATA_KEY, SEED_INPUT, TARGET_INPUT
from onnxcam.errors import ModelError
from onnxcam.metadata import Metadata

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator

    from onnxcam.artifact.graph import Span
    from onnxcam.artifact.source import ModelSource

Inputs = Literal["optional", "required"]

_LEVELS = (0, 1, 2)

# Where the names of initializers and inputs are.
_NAMES = {GRAPH_INITIALIZER: TENSOR_NAME, GRAPH_INPUT: VALUE_NAME}


def adapt(model: ModelSource, *, inputs: str | None = None, level: int | None = None) -> bytes:
    """Makes another form of an explainer model.

    Args:
        model: The path or the bytes of an explainer model.
        inputs: ``required`` takes the defaults of the added inputs away; None leaves them.
        level: The level, 0, 1 or 2, to fix; None leaves the input. A run then gives what that level gives, and needs
            the memory of that level alone.

    Returns:
        The bytes of the model. External data are not in them: write the file beside those of the original.

    Raises:
        ModelError: The file is missing or no explainer model, or it does not have that form.
    """
    data = _read(model)
    with undamaged(_named(model)):
        metadata = metadata_of(data, _named(model))
        wanted = _checked(metadata, inputs, level)
        required = {LEVEL_INPUT, TARGET_INPUT, SEED_INPUT} if wanted.inputs != metadata.inputs else set[str]()
        return b"".join(_edited(data, metadata, wanted, required))


def with_required_rows(model: ModelSource, *, level: int | None) -> bytes:
    """Makes the form for servers that join requests: each request brings the row that it explains.

    The target has no default any more. Where the scores are not [N, C], the seed has none.

    Args:
        model: As in ``adapt``.
        level: As in ``adapt``.

    Returns:
        As ``adapt`` does.

    Raises:
        ModelError: As in ``adapt``; or the model's inputs are all required already.
    """
    data = _read(model)
    with undamaged(_named(model)):
        metadata = metadata_of(data, _named(model))
        if metadata.inputs == "required":
            raise ModelError(f"{_named(model)} has required inputs, and its defaults are gone; give the original")
        row = SEED_INPUT if metadata.classes is None else TARGET_INPUT
        return b"".join(_edited(data, metadata, _checked(metadata, None, level), {row}))


def restated(model: ModelSource, metadata: Metadata) -> bytes:
    """Makes a copy of an explainer model that says something else of itself, in the same form.

    Args:
        model: The path or the bytes of an explainer model.
        metadata: Its metadata, changed in what does not concern the graph.

    Returns:
        The bytes of the model, as from ``adapt``.

    Raises:
        ModelError: The file is missing or no explainer model, or the metadata contradict themselves.
    """
    data = _read(model)
    with undamaged(_named(model)):
        return b"".join(_edited(data, metadata, metadata, ()))


def stated_metadata(model: ModelSource) -> Metadata:
    """Reads the metadata of a file, without loading the model.

    Raises:
        ModelError: The file is missing or no explainer model.
    """
    with undamaged(_named(model)):
        return metadata_of(_read(model), _named(model))


def _read(model: ModelSource) -> bytes:
    source = readable(model)
    return source if isinstance(source, bytes) else Path(source).read_bytes()


@contextlib.contextmanager
def undamaged(name: str) -> Iterator[None]:
    """Raises a ``ModelError`` that names the model where its bytes turn out to be no protobuf."""
    try:
        yield
    except wire.DamagedError:
        raise ModelError(
            f"{name} is not a model that ONNX Runtime can load: it is not an ONNX file, or is damaged"
        ) from None


def _named(model: ModelSource) -> str:
    return "the model" if isinstance(model, bytes) else str(model)


def metadata_of(data: bytes, name: str = "the model") -> Metadata:
    """Reads the metadata from a file's bytes.

    Raises:
        ModelError: It is not an explainer model, or its metadata is damaged.
        DamagedError: The bytes are no protobuf.
    """
    for number, start, end in wire.fields(data, 0, len(data)):
        if number == MODEL_PROPERTY:
            entry = {key: data[a:b] for key, a, b in wire.fields(data, start, end)}
            if entry.get(KEY) == METADATA_KEY.encode():
                return Metadata.from_json(entry.get(VALUE, b""))
    raise ModelError(
        f"{name} is not an explainer model; make one of it with 'onnxcam export' (pip install onnxcam-export)"
    )


def _checked(metadata: Metadata, inputs: str | None, level: int | None) -> Metadata:
    """The metadata of the form that is wanted."""
    if inputs not in {None, "optional", "required"}:
        raise ModelError(f"inputs is {inputs!r}; it must be 'optional' or 'required'")
    if inputs == "optional" and metadata.inputs == "required":
        raise ModelError("the model's inputs are required already, and their defaults are gone; adapt the original")
    if level is not None and (isinstance(level, bool) or level not in _LEVELS):
        raise ModelError(f"the level is {level!r}; it must be 0, 1 or 2")
    if level is not None and metadata.flat:
        raise ModelError("the model has no level that could be fixed: it is flat, and always computes everything")
    if level is not None and level > metadata.highest:
        raise ModelError(
            f"the model was exported up to level {metadata.highest}; export it with level={level} to fix it there"
        )
    if level is not None and metadata.level not in {None, level}:
        raise ModelError(f"the model's level is fixed at {metadata.level} already; adapt the original")
    fixed = metadata.level if level is None else level
    golden = metadata.golden if fixed is None or fixed == metadata.highest else None
    form: Inputs = "required" if inputs == "required" else metadata.inputs
    return replace(metadata, inputs=form, level=fixed, golden=golden)


def _edited(data: bytes, old: Metadata, new: Metadata, required: Collection[str]) -> Iterator[bytes | memoryview]:
    """The file in parts: the graph and the metadata's entry edited, all else as it is."""
    level = new.level if old.level is None else None
    for number, kind, first, start, end in wire.spans(data, 0, len(data)):
        if number == MODEL_GRAPH and kind == wire.LENGTH:
            span = (start, end)
            parts = list(_graph(data, span, required) if level is None else _fixed(data, span, required, level))
            yield wire.head(MODEL_GRAPH, sum(map(len, parts)))
            yield from parts
        elif number == MODEL_PROPERTY and _has_key(data, start, end):
            entry = wire.field(KEY, METADATA_KEY.encode()) + wire.field(VALUE, new.to_json().encode())
            yield wire.field(MODEL_PROPERTY, entry)
        else:
            yield memoryview(data)[first:end]


def _graph(data: bytes, span: Span, required: Collection[str]) -> Iterator[memoryview]:
    """The graph in parts, without the defaults of required inputs."""
    return _without(data, span, lambda number, name: number == GRAPH_INITIALIZER and name in required)


def _fixed(data: bytes, span: Span, required: Collection[str], level: int) -> Iterator[bytes | memoryview]:
    """The same at one level, without what only other levels need."""
    fixed = FixedNodes(data, span, level)
    inputs = {read_name(data, a, b, VALUE_NAME) for number, a, b in wire.fields(data, *span) if number == GRAPH_INPUT}
    stays = (fixed.used | inputs).difference(required)
    yield from fixed.nodes
    yield from _without(
        data,
        span,
        lambda number, name: (
            number == GRAPH_NODE or name == LEVEL_INPUT or (number == GRAPH_INITIALIZER and name not in stays)
        ),
    )
    yield from fixed.stored
    if LEVEL_INPUT in fixed.used:
        yield emit.scalar(LEVEL_INPUT, INT64, level.to_bytes(8, "little"))


def _without(data: bytes, span: Span, drops: Callable[[int, str], bool]) -> Iterator[memoryview]:
    """The graph in parts, without some fields.

    Args:
        data: The model's bytes.
        span: The position of its graph.
        drops: Whether to leave a field out, by its number and the name of the initializer or input in it.
    """
    start, end = span
    view, kept = memoryview(data), start
    for number, kind, first, begin, stop in wire.spans(data, start, end):
        name = read_name(data, begin, stop, _NAMES[number]) if kind == wire.LENGTH and number in _NAMES else ""
        if kind == wire.LENGTH and drops(number, name):
            yield view[kept:first]
            kept = stop
    yield view[kept:end]


def _has_key(data: bytes, start: int, end: int) -> bool:
    return any(number == KEY and data[a:b] == METADATA_KEY.encode() for number, a, b in wire.fields(data, start, end))
