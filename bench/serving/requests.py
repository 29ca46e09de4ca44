"""The requests that are sent: one image, for the outputs of a level, with binary tensors or as JSON."""

from __future__ import annotations

import json
from typing import Any

import numpy as np

from onnxcam import default_model

MODEL = default_model()
OUTPUTS = {
    0: ["onnxcam.scores"],
    1: ["onnxcam.scores", "onnxcam.grad_cam/features"],
    2: ["onnxcam.scores", "onnxcam.guided_grad_cam/features"],
}
INFER = f"/v2/models/{MODEL.stem}/infer"


def binary_request(level: int, seed: int = 0, images: int = 1) -> tuple[bytes, int]:
    """The body of an inference request with binary tensors both ways, and the length of its JSON."""
    image = noise(seed, images)
    request: dict[str, Any] = {
        "inputs": [
            {
                "name": "image",
                "shape": list(image.shape),
                "datatype": "FP32",
                "parameters": {"binary_data_size": image.nbytes},
            }
        ],
        "outputs": [{"name": name, "parameters": {"binary_data": True}} for name in OUTPUTS[level]],
    }
    text = json.dumps(request).encode()
    return text + image.tobytes(), len(text)


def json_request(level: int, seed: int = 0) -> bytes:
    """The same with all numbers as JSON."""
    image = noise(seed, 1)
    data = [round(float(value), 4) for value in image.ravel()]
    inputs = [{"name": "image", "shape": list(image.shape), "datatype": "FP32", "data": data}]
    return json.dumps({"inputs": inputs, "outputs": [{"name": name} for name in OUTPUTS[level]]}).encode()


def noise(seed: int, images: int) -> np.ndarray[Any, np.dtype[np.float32]]:
    """Images of noise, [images, 3, 224, 224]."""
    return np.random.default_rng(seed).normal(size=(images, 3, 224, 224)).astype(np.float32)
