"""A module from a Python file: ``FILE.py:FACTORY``, made by a function or a class, or made already."""

from __future__ import annotations

import importlib.util
import inspect
import sys
from typing import TYPE_CHECKING, Any

from onnxcam.text import listed
from onnxcam_export.errors import SourceError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

# What factories call the number of classes.
_NAMES = ("num_classes", "classes", "n_classes", "number_of_classes")


def from_file(file: Path, factory: str, classes: int | None = None) -> Any:
    """The module that a function in a Python file makes, or that has this name there; the file is run.

    Args:
        file: The Python file.
        factory: The function's name, or the module's.
        classes: The number of classes, given by keyword; None leaves it to the function.

    Raises:
        SourceError: There is no such file or function, it takes no number of classes, or it fails.
    """
    if not file.is_file():
        raise SourceError(
            f"{file} does not exist; give FILE.py:FACTORY, FACTORY being a function that makes the module"
        )
    spec = importlib.util.spec_from_file_location(file.stem, file)
    assert spec is not None  # noqa: S101 — a .py file has one
    assert spec.loader is not None  # noqa: S101 — the same
    module = importlib.util.module_from_spec(spec)
    sys.modules[file.stem] = module
    try:
        spec.loader.exec_module(module)
        make = getattr(module, factory)
        if hasattr(make, "named_modules") and not isinstance(make, type):
            return _made(make, f"{file}:{factory}", classes)
        return make(**_keywords(make, f"{file}:{factory}", classes))
    except SourceError:
        raise
    except (Exception, SystemExit) as error:
        raise SourceError(f"{file}:{factory} failed with {type(error).__name__}: {error}") from error


def _made(module: Any, name: str, classes: int | None) -> Any:
    """A module that the file itself has made."""
    if classes is not None:
        raise SourceError(f"{name} is a module already and takes no number of classes; leave --classes out")
    return module


def _keywords(make: Callable[..., Any], name: str, classes: int | None) -> dict[str, int]:
    """The number of classes under the name that the function has for it."""
    parameters = inspect.signature(make).parameters
    known = next((name for name in _NAMES if name in parameters), None)
    if classes is None:
        needed = [parameter.name for parameter in parameters.values() if _is_needed(parameter)]
        if needed == [known]:
            raise SourceError(f"{name} needs {known}; give --classes")
        if needed:
            raise SourceError(f"{name} needs {listed(needed)}; give a function that makes the module without arguments")
        return {}
    if known is None and any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters.values()):
        known = _NAMES[0]
    if known is None:
        raise SourceError(f"{name} takes no number of classes; add a parameter {_NAMES[0]}, or leave --classes out")
    return {known: classes}


def _is_needed(parameter: inspect.Parameter) -> bool:
    return parameter.default is parameter.empty and parameter.kind not in {
        parameter.VAR_POSITIONAL,
        parameter.VAR_KEYWORD,
    }
