"""Finds out which execution providers work on this machine, and why the others do not."""

from __future__ import annotations

from dataclasses import dataclass

from onnxcam.errors import OnnxCamError
from onnxcam.execution import golden, providers
from onnxcam.execution.bundled import default_model
from onnxcam.execution.engine import first_line
from onnxcam.execution.model import LoadedModel


@dataclass(frozen=True, slots=True)
class Finding:
    """The state of one execution provider.

    Attributes:
        provider: Its full name.
        works: Whether it can be loaded and passes the golden check, as far as this could be tried.
        reason: Why it does not work, or what was tried.
    """

    provider: str
    works: bool
    reason: str


def examine() -> list[Finding]:
    """Tries every provider of this ONNX Runtime on the default model's golden check."""
    return [_examine(name) for name in providers.available()]


def _examine(name: str) -> Finding:
    try:
        works, reason = _tried(name)
    except OnnxCamError as error:
        works, reason = False, str(error)
    except Exception as error:  # noqa: BLE001  a broken build may raise anything, and the doctor reports it
        works, reason = False, f"{type(error).__name__}: {first_line(error)}"
    return Finding(name, works, reason)


def _tried(name: str) -> tuple[bool, str]:
    reason = providers.why_not(name)
    if reason is not None:
        return False, reason
    if name == providers.TENSORRT:
        # It compiles the model for minutes, which is too long here.
        return True, "its libraries load; not tried with a model"
    try:
        model = default_model()
    except OnnxCamError:
        return True, "it loads; there is no default model to try it with"
    failed = [item.name for item in golden.check(LoadedModel(model, [name])) if not item.passed]
    if failed:
        return False, f"its outputs differ from the export's: {', '.join(failed)}"
    return True, "the default model passes its golden check"
