"""The options of a request to explain a picture: from the query, the fields of a form, and the header ``Accept``."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

from onnxcam.errors import MethodError
from onnxcam.methods import METHODS, default_methods, required_level, why_not
from onnxcam.serving.exchange.failures import INVALID, RequestError
from onnxcam.text import listed, shortened

if TYPE_CHECKING:
    from collections.abc import Iterable

    from onnxcam.levels import Level
    from onnxcam.methods import Method
    from onnxcam.serving.models import ServedModel

JSON = "json"
MEDIA_TYPES = {
    JSON: "application/json",
    "png": "image/png",
    "jpg": "image/jpeg",
    "jpeg": "image/jpeg",
    "webp": "image/webp",
}
OPTIONS = ("target", "method", "layer", "format", "top")
_LONGEST, _MOST_CLASSES = 300, 1000
_ALL = "all"


@dataclass(frozen=True, slots=True)
class PictureRequest:
    """What is wanted of a picture.

    Attributes:
        targets: As text, see ``onnxcam.targets.written``.
        methods: The methods.
        layer: The target layer; None is the model's first.
        format: ``json``, or the format of a picture.
        top: The number of classes in the JSON.
        level: The level that the methods need.
    """

    targets: tuple[str, ...]
    methods: tuple[Method, ...]
    layer: str | None
    format: str
    top: int
    level: Level


def read_options(options: Iterable[tuple[str, str]], accept: str, model: ServedModel, most: int) -> PictureRequest:
    """Reads the options.

    Args:
        options: Names and values, in any order; ``target`` and ``method`` may come several times.
        accept: The header that says what the client takes, used where no format is named.
        model: The model that explains.
        most: The most targets.

    Raises:
        RequestError: There is no such option, or it has another value.
        MethodError: There is no such method, or the model or the service does not give it.
    """
    given: dict[str, list[str]] = {name: [] for name in OPTIONS}
    for name, value in options:
        if name not in given:
            raise RequestError(INVALID, f"there is no option {shortened(repr(name))}; there are {', '.join(OPTIONS)}")
        if len(value) > _LONGEST:
            raise RequestError(INVALID, f"{name} is longer than {_LONGEST} characters")
        given[name].append(value)
    if len(given["target"]) > most:
        raise RequestError(INVALID, f"{len(given['target'])} targets are more than the {most} that this service takes")
    methods = _methods(given["method"], model)
    return PictureRequest(
        targets=tuple(given["target"]) or ("-1",),
        methods=methods,
        layer=_single("layer", given["layer"]),
        format=_format(_single("format", given["format"]), accept),
        top=_count(_single("top", given["top"])),
        level=max(map(required_level, methods)),
    )


def _single(name: str, values: list[str]) -> str | None:
    if len(values) > 1:
        raise RequestError(INVALID, f"{name} is given {len(values)} times; give it once")
    return values[0] or None if values else None


def _methods(names: list[str], model: ServedModel) -> tuple[Method, ...]:
    if _ALL in names:
        return _default(model, model.highest)
    for name in names:
        if name not in METHODS:
            raise MethodError(f"there is no method {shortened(repr(name))}; there are {listed((*METHODS, _ALL))}")
    methods = cast("tuple[Method, ...]", tuple(dict.fromkeys(names))) or _default(model, min(1, model.highest))
    for method in methods:
        if reason := why_not(method, model.metadata):
            raise MethodError(reason)
        if required_level(method) > model.highest:
            raise MethodError(
                f"{method} needs level {required_level(method)}, and this service gives up to level {model.highest}"
            )
    return methods


def _default(model: ServedModel, level: int) -> tuple[Method, ...]:
    return default_methods(model.metadata, level) or ("grad-cam",)


def _format(name: str | None, accept: str) -> str:
    if name is None:
        return next((key for key, media in MEDIA_TYPES.items() if key != JSON and media in accept), JSON)
    if name.lower() not in MEDIA_TYPES:
        raise RequestError(
            INVALID, f"there is no format {shortened(repr(name))}; it must be one of {', '.join(MEDIA_TYPES)}"
        )
    return name.lower()


def _count(text: str | None) -> int:
    if text is None:
        return 5
    if not re.fullmatch(r"[0-9]{1,4}", text) or not 1 <= int(text) <= _MOST_CLASSES:
        raise RequestError(INVALID, f"top is a number from 1 to {_MOST_CLASSES}, not {shortened(repr(text), 40)}")
    return int(text)
