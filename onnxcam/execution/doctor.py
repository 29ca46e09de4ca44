"""Which execution providers work on this machine, and why the others do not."""

from __future__ import annotations

import platform
from dataclasses import dataclass
from importlib import metadata

from onnxcam.errors import OnnxCamError
from onnxcam.execution import golden, providers
from onnxcam.execution.bundled import default_model
from onnxcam.execution.model import LoadedModel

_DISTRIBUTIONS = ("onnxcam", "onnxcam-export", "onnxruntime-gpu", "onnxruntime", "numpy", "pillow", "typer")


@dataclass(frozen=True, slots=True)
class Finding:
    """One execution provider.

    Attributes:
        provider: Its full name.
        works: Whether it can be loaded and answers rightly, as far as could be tried.
        reason: Why not, or what was tried.
    """

    provider: str
    works: bool
    reason: str


def examine() -> list[Finding]:
    """Tries every provider of this ONNX Runtime with the default model's golden check."""
    return [_examine(name) for name in providers.available()]


def versions() -> dict[str, str]:
    """Python and the distributions that matter, as far as they are installed."""
    found = {"python": f"{platform.python_version()} on {platform.platform()}"}
    for name in _DISTRIBUTIONS:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found


def _examine(name: str) -> Finding:
    reason = providers.why_not(name)
    if reason is not None:
        return Finding(name, works=False, reason=reason)
    if name == providers.TENSORRT:
        # It compiles the model anew, for minutes; that is too long for a look around.
        return Finding(name, works=True, reason="its libraries load; not tried with a model")
    try:
        model = default_model()
    except OnnxCamError:
        return Finding(name, works=True, reason="it loads; there is no default model to try it with")
    try:
        compared = golden.check(LoadedModel(model, [name]))
    except OnnxCamError as error:
        return Finding(name, works=False, reason=str(error))
    failed = [item.name for item in compared if not item.passed]
    if failed:
        return Finding(name, works=False, reason=f"answers differently in {', '.join(failed)}")
    return Finding(name, works=True, reason="the default model passes its golden check")
