"""Runs an artifact in ONNX Runtime, with NumPy alone, and checks every level: ``python levels.py MODEL``.

It shares no code with the project. The expected samples are in the model's metadata, for the input that the guide
describes: noise by SplitMix64 of each element's index (Steele et al. 2014).
"""

import json
import sys

import numpy as np
import onnxruntime

SAMPLES = 64


def noise(shape):
    """Numbers in [-2, 2), the same on every machine."""
    z = np.arange(1, int(np.prod(shape)) + 1, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    unit = ((z ^ (z >> np.uint64(31))) >> np.uint64(40)).astype(np.float64) / 2**24
    return (unit * 4 - 2).reshape(shape).astype(np.float32)


def sample(array):
    """Evenly spaced elements."""
    flat = array.ravel()
    return flat[np.linspace(0, flat.size - 1, min(SAMPLES, flat.size)).astype(int)]


def error(values, reference):
    """The relative L2 error."""
    a, b = np.asarray(values, np.float64), np.asarray(reference, np.float64)
    return float(np.linalg.norm(a - b) / np.linalg.norm(b))


def check(path):
    """Runs all levels; returns the errors."""
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    metadata = json.loads(session.get_modelmeta().custom_metadata_map["onnxcam"])
    image, golden, layer = metadata["image"], metadata["golden"], metadata["golden"]["layer"]
    feeds = {image["name"]: noise((1, image["channels"], image["height"], image["width"]))}
    feeds["onnxcam.target"] = np.array([golden["target"]])
    names = [value.name for value in session.get_outputs()]
    answers = [session.run(names, {**feeds, "onnxcam.level": np.array(level)}) for level in (0, 1, 2)]
    runs = [dict(zip(names, answer, strict=True)) for answer in answers]
    a, g = (runs[2][f"onnxcam.{kind}/{layer}"] for kind in ("activations", "gradients"))
    signed = (g.mean((2, 3), keepdims=True) * a).sum(1)
    seed = np.zeros_like(runs[0]["onnxcam.scores"])
    seed[0, golden["target"]] = 1
    seeded = session.run(
        ["onnxcam.guided_gradients"],
        {**feeds, "onnxcam.target": np.zeros(0, np.int64), "onnxcam.seed": seed, "onnxcam.level": np.array(2)},
    )[0]
    for level, outputs in enumerate(runs):
        rows = [len(outputs[f"onnxcam.{name}"]) for name in (f"grad_cam/{layer}", "guided_gradients")]
        assert rows == [int(level > 0), int(level > 1)], (level, rows)
    return {
        "scores, level 0": error(sample(runs[0]["onnxcam.scores"]), golden["scores"]),
        "Grad-CAM, level 1": error(runs[1][f"onnxcam.grad_cam/{layer}"], np.maximum(signed, 0)),
        "Grad-CAM against the export": error(sample(signed), golden["grad_cam"]),
        "guided gradient, level 2": error(sample(runs[2]["onnxcam.guided_gradients"]), golden["guided_backprop"]),
        "guided gradient of a seed": error(seeded, runs[2]["onnxcam.guided_gradients"]),
    }


if __name__ == "__main__":
    found = check(sys.argv[1])
    errors = "; ".join(f"{name} {value:.1e}" for name, value in found.items())
    sys.stdout.write(f"ONNX Runtime {onnxruntime.__version__}: relative L2 errors of {errors}\n")
    sys.exit(max(found.values()) > 1e-3)
