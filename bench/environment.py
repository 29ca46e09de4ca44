"""The machine, the versions, and the state of the code that is measured."""

from __future__ import annotations

import datetime as dt
import hashlib
import os
import platform
from importlib import metadata
from pathlib import Path

from bench.configurations import REPOSITORY

_DISTRIBUTIONS = ("onnxruntime-gpu", "onnxruntime", "torch", "captum", "grad-cam")


def fingerprint(*folders: str) -> str:
    """A short checksum of the Python files in folders; results of different states of the code are not mixed."""
    files = [file for folder in folders for file in sorted((REPOSITORY / folder).rglob("*.py"))]
    return hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()[:8]


def machine() -> dict[str, str]:
    """The date, the processor and the versions, which the figures depend on."""
    return {
        "date": dt.datetime.now(dt.UTC).date().isoformat(),
        "processor": _processor(),
        "cores": str(os.cpu_count()),
        **{name: version for name in _DISTRIBUTIONS if (version := _version(name))},
    }


def _version(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def _processor() -> str:
    file = Path("/proc/cpuinfo")  # on Linux; elsewhere Python knows the name
    lines = file.read_text().splitlines() if file.is_file() else ()
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.processor() or platform.machine())
