"""The exports of the networks, kept on disk: ``python -m bench.exports CONFIGURATION`` makes one.

They are made in a process of their own, since exporting takes memory that the measuring process would keep.
"""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING

import numpy as np

from bench.configurations import CACHE, Configuration
from bench.environment import fingerprint
from bench.networks import LAYERS, build, image

if TYPE_CHECKING:
    from pathlib import Path

    import torch


def export_path(configuration: Configuration) -> Path:
    """Where the export of a configuration is kept; explainer models are made anew for each state of the code."""
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
    model = build(configuration.network)
    if configuration.precision == "float16":
        model = model.half()
    export = _export_plainly if configuration.export == "plain" else _export_explainer
    export(configuration, model, path)


def _export_plainly(configuration: Configuration, model: torch.nn.Module, path: Path) -> None:
    import torch

    example = torch.from_numpy(image(configuration.size, 2, configuration.precision))
    dynamic = ({0: torch.export.Dim("batch", min=1, max=65536)},)
    program = torch.onnx.export(model, (example,), dynamo=True, dynamic_shapes=dynamic, verbose=False)
    assert program is not None  # noqa: S101 — it is, with dynamo=True
    program.save(path, external_data=False)


def _export_explainer(configuration: Configuration, model: torch.nn.Module, path: Path) -> None:
    from onnxcam_export import export

    example = image(configuration.size, 1, configuration.precision)
    export(
        model,
        path,
        input_shape=example.shape[1:],
        layers=LAYERS[configuration.network],
        flat=configuration.export == "flat",
        verify=example.dtype == np.float32,  # in half precision the reference takes minutes
    )


if __name__ == "__main__":
    make(Configuration(**json.loads(sys.argv[1])))
