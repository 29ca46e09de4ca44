"""The time from the start of a process to its first explanation: onnxcam's command, captum, and a plain run.

``python -m bench.start_up captum`` and ``python -m bench.start_up plain`` are the latter two processes.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any

from bench.configurations import CACHE, DEFAULT_MODEL, REPOSITORY, Configuration

if TYPE_CHECKING:
    from PIL import Image

_PHOTOGRAPH = REPOSITORY / "tests/data/chelsea.jpg"
_PER_MIB = 1024 if sys.platform != "darwin" else 1024**2  # ru_maxrss counts KiB, on macOS bytes


def measure(configuration: Configuration) -> dict[str, Any]:
    """The seconds and the peak memory of the whole process, measured from outside."""
    kind = configuration.kind.removeprefix("start:")
    command = [sys.executable, "-m", "bench.start_up", kind]
    if kind == "onnxcam":
        command = [sys.executable, "-m", "onnxcam", "explain", str(_PHOTOGRAPH), "-o", str(CACHE / "first.png")]
    start = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    elapsed = time.perf_counter() - start
    if status:
        raise RuntimeError(f"{' '.join(command)} failed")
    return {"seconds": {"median": elapsed}, "peak": usage.ru_maxrss / _PER_MIB}


def _captum() -> None:
    """Computes Guided Grad-CAM of the photograph, without drawing it."""
    import torch
    from captum.attr import GuidedGradCam
    from PIL import Image

    from bench.networks import LAYERS, build

    model = build(DEFAULT_MODEL)
    x = torch.tensor(_tensor(Image.open(_PHOTOGRAPH))).requires_grad_()
    target = int(model(x).argmax())
    method = GuidedGradCam(model, model.get_submodule(LAYERS[DEFAULT_MODEL]))
    sys.stdout.write(f"{target} {method.attribute(x, target=target).detach().abs().max()}\n")


def _plain() -> None:
    """Computes the class of the photograph."""
    import onnxruntime
    from PIL import Image

    from bench.exports import export_path

    path = export_path(Configuration("start:plain", DEFAULT_MODEL))
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    (scores,) = session.run(None, {session.get_inputs()[0].name: _tensor(Image.open(_PHOTOGRAPH))})
    sys.stdout.write(f"{int(scores.argmax())}\n")


def _tensor(photograph: Image.Image) -> Any:
    """(RGB - 127) / 128 at 224 x 224, [1, 3, 224, 224]."""
    import numpy as np

    width, height = (round(256 * side / min(photograph.size)) for side in photograph.size)
    left, top = (width - 224) // 2, (height - 224) // 2
    square = photograph.convert("RGB").resize((width, height)).crop((left, top, left + 224, top + 224))
    return ((np.asarray(square, np.float32) - 127) / 128).transpose(2, 0, 1)[None]


if __name__ == "__main__":
    {"captum": _captum, "plain": _plain}[sys.argv[1]]()
