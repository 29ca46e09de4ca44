"""From the start of a process to its first explanation: onnxcam's command, captum, and a plain run.

``python -m bench.start captum`` and ``… plain`` are the two others' processes.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any

from bench.configurations import CACHE, REPOSITORY, Configuration

if TYPE_CHECKING:
    from PIL import Image

_PHOTOGRAPH = REPOSITORY / "tests/data/chelsea.jpg"
_KIB = 1024 if sys.platform != "darwin" else 1024**2  # how many of ru_maxrss's units are a MiB


def measure(configuration: Configuration, _threads: int, _seconds: float) -> dict[str, Any]:
    """Seconds and peak memory of the whole process, as its parent sees them."""
    kind = configuration.kind.removeprefix("start:")
    command = [sys.executable, "-m", "bench.start", kind]
    if kind == "onnxcam":
        command = [sys.executable, "-m", "onnxcam", "explain", str(_PHOTOGRAPH), "-o", str(CACHE / "first.png")]
    start = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    elapsed = time.perf_counter() - start
    if status:
        raise RuntimeError(f"{' '.join(command)} failed")
    return {"seconds": {"median": elapsed}, "peak": usage.ru_maxrss / _KIB}


def _with_captum() -> None:
    """Guided Grad-CAM of the photograph, drawn by nobody."""
    import torch
    from captum.attr import GuidedGradCam
    from PIL import Image

    from bench.networks import LAYERS, build

    model = build("efficientnet_lite0")
    x = torch.tensor(_input(Image.open(_PHOTOGRAPH))).requires_grad_()
    target = int(model(x).argmax())
    method = GuidedGradCam(model, model.get_submodule(LAYERS["efficientnet_lite0"]))
    sys.stdout.write(f"{target} {method.attribute(x, target=target).detach().abs().max()}\n")


def _plainly() -> None:
    """The class of the photograph."""
    import onnxruntime
    from PIL import Image

    from bench.networks import exported

    path = exported("plain", "efficientnet_lite0", 224, "float32")
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    (scores,) = session.run(None, {session.get_inputs()[0].name: _input(Image.open(_PHOTOGRAPH))})
    sys.stdout.write(f"{int(scores.argmax())}\n")


def _input(photograph: Image.Image) -> Any:
    """(RGB - 127) / 128 at 224 x 224, [1, 3, 224, 224]."""
    import numpy as np

    width, height = (round(256 * side / min(photograph.size)) for side in photograph.size)
    left, top = (width - 224) // 2, (height - 224) // 2
    square = photograph.convert("RGB").resize((width, height)).crop((left, top, left + 224, top + 224))
    return ((np.asarray(square, np.float32) - 127) / 128).transpose(2, 0, 1)[None]


if __name__ == "__main__":
    _with_captum() if sys.argv[1] == "captum" else _plainly()
