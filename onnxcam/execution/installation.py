"""The versions that are installed, found without importing ONNX Runtime, which may be broken."""

from __future__ import annotations

import platform
from importlib import metadata
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

_DISTRIBUTIONS = ("onnxcam", "onnxcam-export", "numpy", "pillow", "msgspec", "typer")
# They all contain the package ``onnxruntime``.
_FLAVOURS = (
    "onnxruntime",
    "onnxruntime-gpu",
    "onnxruntime-directml",
    "onnxruntime-openvino",
    "onnxruntime-qnn",
    "onnxruntime-rocm",
    "onnxruntime-migraphx",
    "onnxruntime-training",
    "ort-nightly",
    "ort-nightly-gpu",
)


def versions() -> dict[str, str]:
    """The versions of Python and of the relevant distributions that are installed."""
    found = {"python": f"{platform.python_version()} on {platform.platform()}"}
    return found | {name: version for name in (*_FLAVOURS, *_DISTRIBUTIONS) if (version := _version(name))}


def conflicts(installed: Iterable[str]) -> list[str]:
    """The faults of an installation, a sentence for each.

    Args:
        installed: The names of its distributions.
    """
    present = set(installed)
    flavours = [name for name in _FLAVOURS if name in present]
    several = (
        f"{' and '.join(flavours)} bring the same package and overwrite each other's files; uninstall them all, then "
        "install one of them"
    )
    return [several] if len(flavours) > 1 else []


def _version(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None
