"""What reading a picture and computing the maps adds to a run at level 2."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from bench.configurations import CACHE, REPOSITORY
from bench.onnx_side import model_path
from bench.timing import repeat
from onnxcam import Explainer
from onnxcam.photograph.opening import PANEL_SIDE, open_picture
from onnxcam.photograph.preprocessing import needed_shorter_side, preprocess

if TYPE_CHECKING:
    from pathlib import Path

    from bench.configurations import Configuration

PHOTOGRAPH = REPOSITORY / "tests/data/chelsea.jpg"  # 451 x 300
_TWELVE_MEGAPIXELS = (4000, 3000)


def measure(configuration: Configuration, threads: int, seconds: float) -> dict[str, Any]:
    """The median seconds of each part of an explanation, from file to file."""
    picture = PHOTOGRAPH if configuration.kind == "picture:small" else _large()
    explainer = Explainer(model_path(configuration), providers=["cpu"], threads=threads)
    shorter = needed_shorter_side(explainer.metadata)

    def read() -> Any:
        return preprocess(open_picture(picture, shorter=shorter, longer=PANEL_SIDE), explainer.metadata)

    tensor = read()[0][None]
    explanation = explainer.explain(picture)
    parts = {
        "whole": lambda: explainer.explain(picture).guided_grad_cam(),
        "reading": read,
        "run": lambda: explainer.run(tensor),
        "maps": explanation.guided_grad_cam,
        "drawing": lambda: explanation.save(CACHE / "drawing.png"),
    }
    return {"parts": {name: repeat(part, seconds / len(parts))["median"] for name, part in parts.items()}}


def _large() -> Path:
    """A photograph of twelve megapixels: the small one, larger and with noise, since smooth pictures decode faster."""
    path = CACHE / "large.jpg"
    if not path.exists():
        path.parent.mkdir(exist_ok=True)
        pixels = np.asarray(Image.open(PHOTOGRAPH).convert("RGB").resize(_TWELVE_MEGAPIXELS), np.int16)
        noisy = pixels + np.random.default_rng(0).integers(-6, 7, pixels.shape, np.int16)
        Image.fromarray(np.clip(noisy, 0, 255).astype(np.uint8)).save(path, quality=90)
    return path
