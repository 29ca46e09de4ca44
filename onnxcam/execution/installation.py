"""What is installed here, told without importing ONNX Runtime, which may be broken."""

from __future__ import annotations

import platform
from importlib import metadata

_DISTRIBUTIONS = ("onnxcam", "onnxcam-export", "numpy", "pillow", "msgspec", "typer")
# They all bring the one package ``onnxruntime``.
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
    """Python and the distributions that matter, as far as they are installed."""
    found = {"python": f"{platform.python_version()} on {platform.platform()}"}
    return found | {name: version for name in (*_FLAVOURS, *_DISTRIBUTIONS) if (version := _version(name))}


def conflicts() -> list[str]:
    """What cannot work as it is installed, a sentence for each."""
    flavours = [name for name in _FLAVOURS if _version(name)]
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
