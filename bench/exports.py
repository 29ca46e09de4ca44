"""The exports of the networks, kept on disk: ``python -m bench.exports CONFIGURATION`` makes one.

Each is made in its own process, since the measuring process would keep the memory of exporting.
"""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any

from bench.configurations import CACHE, Configuration
from bench.environment import fingerprint
from bench.networks import LAYERS, build, image

if TYPE_CHECKING:
    from pathlib import Path

    import numpy.typing as npt
    import torch


def export_path(configuration: Configuration) -> Path:
    """The file of a configuration's export; each state of the code has its own explainer models."""
    c = configuration
    state = "" if c.export == "plain" else f"-{fingerprint('export/onnxcam_export')}"
    precision = "float16" if c.precision == "float16" else "float32"
    return CACHE / "exports" / f"{c.network}-{c.size}-{precision}" / f"{c.export}{state}.onnx"


def make(configuration: Configuration) -> None:
    """Makes the export of a configuration, and removes those of older states of the code."""
    path = export_path(configuration)
    path.parent.mkdir(parents=True, exist_ok=True)
    for old in path.parent.glob(f"{configuration.export}-????????.onnx"):
        old.unlink()
    model, half = build(configuration.network), configuration.precision == "float16"
    model = model.half() if half else model
    if configuration.export == "plain":
        _export_plainly(model, image(configuration.size, 2, configuration.precision), path)
        return
    from onnxcam_export import export

    shape = (3, configuration.size, configuration.size)
    layers, flat = LAYERS[configuration.network], configuration.export == "flat"
    export(model, path, input_shape=shape, layers=layers, flat=flat, verify=False)  # which takes minutes; tests verify


def _export_plainly(model: torch.nn.Module, example: npt.NDArray[Any], path: Path) -> None:
    import torch

    dynamic = ({0: torch.export.Dim("batch", min=1, max=65536)},)
    program = torch.onnx.export(model, (torch.from_numpy(example),), dynamo=True, dynamic_shapes=dynamic, verbose=False)
    assert program is not None  # noqa: S101 — with dynamo=True it is a program
    program.save(path, external_data=False)


if __name__ == "__main__":
    make(Configuration(**json.loads(sys.argv[1])))
