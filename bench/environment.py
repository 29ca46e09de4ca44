"""The machine, the versions, and which state of this code was measured."""

from __future__ import annotations

import hashlib
import importlib.metadata
import os
import platform
from pathlib import Path

from bench.configurations import REPOSITORY, Configuration

_DISTRIBUTIONS = (
    "onnxruntime-gpu",
    "onnxruntime",
    "torch",
    "torchvision",
    "captum",
    "grad-cam",
    "onnx-ad",
    "numpy",
    "pillow",
)


def fingerprint(*paths: str) -> str:
    """A short checksum of source files and packages; results of different states are not mixed."""
    files = [file for path in paths for file in sorted((REPOSITORY / path).rglob("*.py")) or [REPOSITORY / path]]
    return hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()[:8]


def code(configuration: Configuration) -> str:
    """The fingerprint of what is measured: the export's, and behind a dash the executor's where it takes part."""
    engine = fingerprint("export/onnxcam_export", "onnxcam/cam.py")
    return f"{engine}-{fingerprint('onnxcam')}" if configuration.runs_executor else engine


def machine() -> dict[str, str]:
    """What the figures depend on, in words."""
    return {
        "processor": _after(Path("/proc/cpuinfo"), "model name") or platform.processor() or platform.machine(),
        "cores": str(os.cpu_count()),
        "memory": _after(Path("/proc/meminfo"), "MemTotal") or "unknown",
        "system": f"{platform.system()} {platform.machine()}",
        "Python": platform.python_version(),
        **{name: version for name in _DISTRIBUTIONS if (version := _version(name))},
    }


def _version(name: str) -> str | None:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None


def _after(file: Path, key: str) -> str | None:
    """The value of a line ``key : value``, on Linux."""
    if not file.is_file():
        return None
    lines = (line.partition(":") for line in file.read_text().splitlines())
    return next((value.strip() for name, _, value in lines if name.strip() == key), None)
