"""The names of models: ``onnxcam serve a.onnx b=other.onnx`` serves ``a`` and ``b``."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from onnxcam.execution.bundled import default_model
from onnxcam.serving.exchange.failures import ServiceError
from onnxcam.text import shortened

if TYPE_CHECKING:
    from collections.abc import Sequence

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}", re.ASCII)


def named_models(arguments: Sequence[str]) -> dict[str, Path]:
    """The paths of models by their names.

    Args:
        arguments: Paths, or ``NAME=PATH``; none is the default model.

    Raises:
        ServiceError: Two models have one name, or a file's name is none that a path of the service can hold.
    """
    found: dict[str, Path] = {}
    for argument in arguments or [str(default_model())]:
        name, path = _read(argument)
        if name in found:
            raise ServiceError(
                f"two models have the name {name}, {found[name]} and {path}; name one of them: other={path}"
            )
        found[name] = path
    return found


def _read(argument: str) -> tuple[str, Path]:
    name, sign, rest = argument.partition("=")
    if sign and _NAME.fullmatch(name):
        return name, Path(rest)
    path = Path(argument)
    if not _NAME.fullmatch(path.stem):
        raise ServiceError(
            f"{shortened(argument)} gives no name that an address can hold; name the model, as in mine={argument}"
        )
    return path.stem, path
