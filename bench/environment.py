"""The machine, the versions, and which state of this code was measured."""

from __future__ import annotations

import datetime as dt
import hashlib
import importlib.metadata
import os
import platform
from pathlib import Path

from bench.configurations import REPOSITORY

_DISTRIBUTIONS = ("onnxruntime-gpu", "onnxruntime", "torch", "torchvision", "captum", "grad-cam", "numpy", "pillow")


def fingerprint(*folders: str) -> str:
    """A short checksum of the Python files in folders; results of different states of the code are not mixed."""
    files = [file for folder in folders for file in sorted((REPOSITORY / folder).rglob("*.py"))]
    return hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()[:8]


def machine() -> dict[str, str]:
    """What the figures depend on, in words."""
    return {
        "date": dt.datetime.now(dt.UTC).date().isoformat(),
        "processor": _processor() or platform.processor() or platform.machine(),
        "cores": str(os.cpu_count()),
        "system": f"{platform.system()} {platform.machine()}",
        "Python": platform.python_version(),
        **{name: version for name in _DISTRIBUTIONS if (version := _version(name))},
    }


def _version(name: str) -> str | None:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None


def _processor() -> str | None:
    """Its name, on Linux."""
    file = Path("/proc/cpuinfo")
    lines = file.read_text().splitlines() if file.is_file() else ()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), None)
