"""Exports and verifies one network after the other, each in a process of its own, and keeps what came out."""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import torch

from onnxcam import Explainer
from onnxcam_export import ExportReport, export
from support import reference
from support.models import written
from zoo.networks import create, names
from zoo.results import FILES, MODULES, add, results

if TYPE_CHECKING:
    from collections.abc import Callable

SECONDS, GIGABYTES = 900, 21
TARGET = [1, 2]


class Kind(NamedTuple):
    """What is made of a network: the command that tries one, and where its results are."""

    command: str
    results: str


KINDS = {"run": Kind("one", MODULES), "files": Kind("file", FILES)}


def run(wanted: list[str], kind: Kind) -> None:
    """Tries what has not been tried, or what is named."""
    done = {} if wanted else results(kind.results)
    for name in wanted or names():
        if name not in done:
            result = in_a_process(name, kind)
            add(result, kind.results)
            failed = result.get("error") or result.get("unwritten")
            print(name, failed or f"{result['guided']:.1e} in {result['seconds']} s", flush=True)


def in_a_process(name: str, kind: Kind) -> dict[str, Any]:
    """The result of one network, also where it takes too long or too much memory."""
    command = [sys.executable, "-W", "ignore", "-m", "zoo", kind.command, name]
    try:
        process = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS, check=False)
    except subprocess.TimeoutExpired:
        return {"name": name, "error": f"not done in {SECONDS} seconds"}
    lines = process.stdout.strip().splitlines()
    if process.returncode == 0 and lines:
        return dict(json.loads(lines[-1]))
    return {"name": name, "error": (process.stderr.strip().splitlines() or ["it was killed, out of memory"])[-1]}


def print_one(name: str, attempt: Callable[[str], dict[str, Any]]) -> None:
    """What the process of one network does."""
    limit = GIGABYTES * 2**30
    resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))
    print(json.dumps(attempt(name)))


def try_one(name: str) -> dict[str, Any]:
    """Exports and verifies one network; what came out."""
    module, side = create(name)
    result = described(name, module, side)
    with tempfile.TemporaryDirectory() as folder:
        return result | tried(
            lambda: export(module, Path(folder) / "m.onnx", input_shape=(3, side, side)), module, side
        )


def try_file(name: str) -> dict[str, Any]:
    """Exports and verifies the file that PyTorch's older exporter makes of one network, for one image."""
    module, side = create(name)
    result = described(name, module, side)
    with tempfile.TemporaryDirectory() as folder:
        try:
            file = written(module, side, Path(folder) / "in.onnx", newer=False, batch=1)
        except Exception as error:  # noqa: BLE001 — PyTorch's failures are of every kind
            return {**result, "unwritten": f"{type(error).__name__}: {' '.join(str(error).split())[:300]}"}
        return result | tried(lambda: export(file, Path(folder) / "m.onnx"), module, side)


def described(name: str, module: torch.nn.Module, side: int) -> dict[str, Any]:
    """What is tried."""
    return {
        "name": name,
        "module": type(module).__module__.removeprefix("timm.models.").removeprefix("torchvision.models."),
        "parameters": sum(parameter.numel() for parameter in module.parameters()),
        "side": side,
    }


def tried(exported: Callable[[], ExportReport], module: torch.nn.Module, side: int) -> dict[str, Any]:
    """What came out of an export."""
    start = time.perf_counter()
    try:
        report = exported()
    except Exception as error:  # noqa: BLE001 — whatever it is belongs into the table
        return {"error": f"{type(error).__name__}: {' '.join(str(error).split())}"}
    result = verified(report) | compared(report, module, side)
    return {**result, "seconds": round(time.perf_counter() - start, 1)}


def verified(report: ExportReport) -> dict[str, Any]:
    """What the export says about itself."""
    verification, layer = report.metadata.verification, report.metadata.layers[0]
    return {
        "layer": layer.name,
        "shape": layer.shape,
        "errors": verification.errors,
        "notes": list(verification.notes),
        "size": round(report.size / report.plain_size, 4),
    }


def compared(report: ExportReport, module: torch.nn.Module, side: int) -> dict[str, float]:
    """Relative errors against the independent reference."""
    count = report.metadata.image.batch or 2
    image = np.random.default_rng(1).standard_normal((count, 3, side, side)).astype(np.float32)
    got, expected = Explainer(report.path).run(image, TARGET), reference.explain(module, image, TARGET)
    guided = reference.relative_error(got.guided, expected.guided)
    errors = {"scores": reference.relative_error(got.scores, expected.scores), "guided": guided}
    if guided > 1e-2:  # then PyTorch's own rounding tells whether that is much
        exact = reference.explain(module, image, TARGET, dtype=torch.float64)
        errors["guided_exact"] = reference.relative_error(got.guided, exact.guided)
        errors["guided_own"] = reference.relative_error(expected.guided, exact.guided)
    return errors
