"""Writes the answers of Python and Pillow that the JavaScript package must give: ``python reference.py FOLDER``.

Each case is an entry of ``cases.json``; its arrays are raw files beside it, since Node reads no other format.
"""

from __future__ import annotations

import dataclasses
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

import onnxcam
from onnxcam import targets
from onnxcam.artifact.adapt import stated_metadata
from onnxcam.errors import TargetError
from onnxcam.metadata import Preprocessing
from onnxcam.photograph.opening import Picture, open_picture
from onnxcam.photograph.preprocessing import channels_last, preprocess
from onnxcam.render.colours import colour
from onnxcam.render.display import image_to_draw
from onnxcam.render.panels import signed
from onnxcam.targets.rows import resolve

ROOT = Path(__file__).parents[2]
DATA = ROOT / "tests" / "data"
MODELS = Path(__file__).parent / "data"
MODEL = ROOT / "models" / "efficientnet_lite0.onnx"
FILTERS = ("nearest", "box", "bilinear", "bicubic", "lanczos")


class Writer:
    """Writes arrays into a folder, and describes them for ``cases.json``."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.count = 0

    def array(self, values: Any) -> dict[str, Any]:
        """Writes an array; float64 becomes float32."""
        array = np.ascontiguousarray(values)
        if array.dtype == np.float64:
            array = array.astype(np.float32)
        self.count += 1
        (self.folder / f"{self.count}.bin").write_bytes(array.tobytes())
        return {"file": f"{self.count}.bin", "dtype": array.dtype.name, "dims": list(array.shape)}


def photograph(name: str) -> Image.Image:
    return open_picture(DATA / f"{name}.jpg").image


def noise(width: int, height: int) -> Image.Image:
    return Image.fromarray(np.random.default_rng(0).integers(0, 256, (height, width, 3), np.uint8))


def explanations(write: Writer) -> list[dict[str, Any]]:
    explainer = onnxcam.Explainer(MODEL, threads=1)
    asked: list[tuple[str, Any]] = [(name, -1) for name in ("coffee", "chelsea", "rocket")]
    asked.append(("coffee", ["espresso", 504, -3]))
    return [explained(explainer, name, target, write) for name, target in asked]


def explained(explainer: onnxcam.Explainer, name: str, target: Any, write: Writer) -> dict[str, Any]:
    image = photograph(name)
    got = explainer.explain(image, target)
    assert got.photographs is not None
    guided = image_to_draw(channels_last(got.guided_backprop(), got.metadata)[0])
    arrays = {
        "scores": got.scores,
        "probabilities": got.probabilities,
        "activations": got.activations["features"],
        "gradients": got.gradients["features"],
        "grad-cam": got.grad_cam(),
        "signed-grad-cam": got.grad_cam(relu=False),
        "cam": got.cam(),
        "guided-backprop": got.guided_backprop(),
        "guided-grad-cam": got.guided_grad_cam(),
        "overlay": got.overlay(row=len(got.labels) - 1),
        "overlay-of-guided-backprop": signed(guided, image.size, got.photographs[0].box),
    }
    return {
        "name": name,
        "image": write.array(image),
        "target": target,
        "classIndex": got.class_index.tolist(),
        "labels": got.labels,
        "top": [dataclasses.asdict(item) for item in got.top()],
        "arrays": {key: write.array(value) for key, value in arrays.items()},
    }


def small_models(write: Writer) -> list[dict[str, Any]]:
    """All forms of an artifact, both layouts, and another gradient at the input."""
    forms: dict[str, bytes] = {
        name: (MODELS / f"{name}.onnx").read_bytes() for name in ("toy", "plain", "pooled", "flat")
    }
    forms["required"] = onnxcam.adapt(forms["pooled"], inputs="required")
    forms["fixed"] = onnxcam.adapt(forms["pooled"], level=1)
    forms["fixed and required"] = onnxcam.adapt(forms["pooled"], level=2, inputs="required")
    return [small_model(name, model, write) for name, model in forms.items()]


def small_model(name: str, model: bytes, write: Writer) -> dict[str, Any]:
    explainer = onnxcam.Explainer(model, threads=1)
    metadata = explainer.metadata
    tensor = np.random.default_rng(0).uniform(0, 15, (2, *metadata.image.shape)).astype(np.float32)
    got = explainer.run(tensor, [1, -1])
    arrays = {"scores": got.scores, "grad-cam": got.grad_cam()}
    if metadata.cam_layer:
        arrays["cam"] = got.cam()
    if got.input_gradients is not None:
        arrays["input gradient"] = got.input_gradients
    if got.guided is not None:
        arrays |= {"guided-backprop": got.guided_backprop(), "guided-grad-cam": got.guided_grad_cam()}
    return {
        "name": name,
        "model": write.array(np.frombuffer(model, np.uint8)),
        "tensor": write.array(tensor),
        "classIndex": got.class_index.tolist(),
        "arrays": {key: write.array(value) for key, value in arrays.items()},
    }


def scalars(write: Writer) -> list[dict[str, Any]]:
    """Targets, also several at once: functions of ``onnxcam/targets`` and ``onnxcam/detection``, and arguments."""
    vector = np.random.default_rng(0).standard_normal(1000).astype(np.float32)
    weights = np.random.default_rng(1).standard_normal((3, 8, 8)).astype(np.float32)
    mask = np.zeros((8, 8), np.float32)
    mask[2:5, 3:7] = 0.5
    of_classes: list[list[Any]] = [
        [["contrast", "espresso", 504]],
        [["negative", "espresso"]],
        [["probability", 967], ["probability", 504, "sigmoid"]],
        [["element", [-33]], -2, "espresso"],
        [["similarity", vector], ["linear", vector]],
    ]
    of_places: list[list[Any]] = [
        [["region", "dog"]],
        [["region", 0, mask], ["element", [2, -1, 3]], ["linear", weights]],
    ]
    of_boxes: list[list[Any]] = [[["detection"]], [["detection", 1], ["detection", 0, "dog"], ["element", [5, 7]]]]
    asked = [(MODEL, of_classes), (MODELS / "dense.onnx", of_places), (MODELS / "detector.onnx", of_boxes)]
    return [scalar_case(path, target, write) for path, several in asked for target in several]


def scalar_case(path: Path, asked: list[Any], write: Writer) -> dict[str, Any]:
    explainer, image = onnxcam.Explainer(path, threads=1), photograph("coffee")
    got = explainer.explain(image, [scalar(item) if isinstance(item, list) else item for item in asked])
    arrays = {"scores": got.scores, "gradients": got.gradients["features"], "grad-cam": got.grad_cam()}
    arrays |= {"guided-backprop": got.guided_backprop(), "guided-grad-cam": got.guided_grad_cam()}
    return {
        "model": str(path.relative_to(ROOT)),
        "image": write.array(image),
        "target": [described(item, write) for item in asked],
        "classIndex": got.class_index.tolist(),
        "labels": got.labels,
        "boxes": [dataclasses.asdict(box) for box in got.boxes()],
        "arrays": {key: write.array(value) for key, value in arrays.items()},
    }


def scalar(item: list[Any]) -> targets.Scalar:
    name, *arguments = item
    if name == "element":
        return targets.Element(*arguments[0])
    made: targets.Scalar = getattr(targets, name.capitalize())(*arguments)
    return made


def described(item: Any, write: Writer) -> Any:
    """As JSON: arrays are written beside it."""
    if not isinstance(item, list):
        return item
    return [write.array(argument) if isinstance(argument, np.ndarray) else argument for argument in item]


def scalar_errors() -> list[dict[str, Any]]:
    """Python's sentences about scalars that a model does not have."""
    asked: list[tuple[str, list[Any]]] = [
        ("pooled", ["contrast", 1, "tiger cat"]),
        ("pooled", ["negative", -1]),
        ("pooled", ["probability", 9]),
        ("pooled", ["probability", 0, "magic"]),
        ("pooled", ["region", 0]),
        ("pooled", ["element", [5]]),
        ("pooled", ["element", [0, 0]]),
        ("pooled", ["similarity", [1.0]]),
        ("pooled", ["similarity", [0.0] * 5]),
        ("pooled", ["linear", [1e99] * 5]),
        ("pooled", ["detection"]),
        ("dense", ["region", 1, [[0] * 8] * 8]),
        ("dense", ["region", "car"]),
        ("detector", ["detection", -1]),
        ("detector", ["detection", 900, "dog"]),
    ]
    cases = []
    for model, item in asked:
        try:
            onnxcam.Explainer(MODELS / f"{model}.onnx", threads=1).explain(photograph("coffee"), scalar(item))
        except TargetError as error:
            cases.append({"model": model, "target": item, "message": str(error)})
    assert len(cases) == len(asked)
    return cases


def without_our_package(write: Writer) -> dict[str, Any]:
    """The input and the result of the program in ``docs/other-languages.md``."""
    pixels = photograph("coffee").resize((384, 256), Image.Resampling.BICUBIC).crop((80, 16, 304, 240))
    explainer = onnxcam.Explainer(MODEL, threads=1)
    got = explainer.run(((np.asarray(pixels, np.float32) - 127) / 128).transpose(2, 0, 1)[None])
    scaled = got.grad_cam()[0] / got.grad_cam().max()
    return {
        "model": write.array(np.frombuffer(onnxcam.adapt(MODEL, inputs="required"), np.uint8)),
        "pixels": write.array(pixels),
        "classIndex": int(got.class_index[0]),
        "map": write.array(np.rint(255 * scaled).astype(np.uint8)),
    }


def resampled(write: Writer) -> list[dict[str, Any]]:
    images = {"coffee": photograph("coffee"), "noise": noise(37, 23), "sliver": noise(3, 200)}
    sizes = [(256, 171), (341, 256), (40, 40), (600, 40), (7, 500), (1, 1), (650, 430)]
    cases = [(name, size, None) for name in images for size in sizes]
    cases += [("noise", (64, 48), (1.3, 2.7, 30.9, 20.25)), ("coffee", (200, 160), (10.5, 0, 600, 399.99))]
    inputs = {name: write.array(image) for name, image in images.items()}
    return [
        {
            "image": inputs[name],
            "name": name,
            "size": size,
            "box": box,
            "filter": kind,
            "pixels": write.array(images[name].resize(size, Image.Resampling[kind.upper()], box)),
        }
        for name, size, box in cases
        for kind in FILTERS
    ]


def preprocessings(write: Writer) -> list[dict[str, Any]]:
    base = Preprocessing(resize=256, crop=224)
    own = (0.3, 0.5, 0.7), (0.2, 0.3, 0.4)
    steps: dict[str, tuple[Preprocessing, dict[str, Any]]] = {
        "as most models": (base, {}),
        "an odd resize": (dataclasses.replace(base, resize=257, interpolation="bicubic"), {}),
        "stretched": (Preprocessing(resize=(224, 224), crop=None, interpolation="lanczos"), {}),
        "stretched and cropped": (Preprocessing(resize=(300, 240), crop=(224, 224), interpolation="box"), {}),
        "cropped alone": (Preprocessing(resize=None, crop=224), {}),
        "padded": (Preprocessing(resize=180, crop=224, interpolation="nearest"), {}),
        "padded without a resize": (Preprocessing(resize=None, crop=501), {"height": 501, "width": 501}),
        "blue first": (Preprocessing(256, 224, mean=own[0], std=own[1], channel_order="BGR"), {}),
        "grey": (Preprocessing(256, 224, mean=(0.5,), std=(0.25,), channel_order="L"), {"channels": 1}),
        "grey in three channels": (Preprocessing(256, 224, mean=own[0], std=own[1], channel_order="L"), {}),
        "one channel of RGB": (Preprocessing(256, 224, mean=(0.5,), std=(0.25,)), {"channels": 1}),
        "letterboxed": (Preprocessing(resize=None, crop=224, letterbox=114), {}),
        "letterboxed in a wide input": (Preprocessing(resize=None, crop=(128, 224), letterbox=0), {"height": 128}),
        "no channels": (Preprocessing(256, 224, mean=(0.5,), std=(0.25,)), {"channels": 1, "layout": "NHW"}),
        "channels last": (Preprocessing(256, 224, mean=own[0], std=own[1]), {"layout": "NHWC"}),
        "bytes": (Preprocessing(256, 224, scale=1, mean=(-0.5,) * 3, std=(1.25,) * 3), {"dtype": "uint8"}),
        "half precision": (base, {"dtype": "float16"}),
        "whole numbers": (Preprocessing(256, 224, scale=1, mean=(128,) * 3, std=(3,) * 3), {"dtype": "int64"}),
        "double precision": (base, {"dtype": "float64"}),
    }
    default = stated_metadata(MODEL)
    cases = []
    for name, (preprocessing, input_fields) in steps.items():
        image = dataclasses.replace(default.image, **input_fields)
        metadata = dataclasses.replace(default, image=image, preprocessing=preprocessing)
        for size in ((451, 300), (300, 451), (224, 224), (225, 1000)):
            pixels = noise(*size)
            values, placed = preprocess(Picture(pixels, pixels.size), metadata)
            described = {"image": dataclasses.asdict(image), "preprocessing": dataclasses.asdict(preprocessing)}
            arrays = {"pixels": write.array(pixels), "input": write.array(values.astype(np.float64))}
            cases.append({"name": f"{name}, {size}", "metadata": described, "box": placed.box_on(size), **arrays})
    return cases


def target_errors() -> list[dict[str, Any]]:
    labels = ["tabby, tabby cat", "tiger cat", "crane", "crane", "tiger, Panthera tigris"]
    asked: list[tuple[Any, list[str] | None]] = [
        *((target, labels) for target in (5, -6, "crane", [], 1.5)),
        ("cat", None),
    ]
    cases, five = [], stated_metadata(MODELS / "pooled.onnx")
    for target, names in asked:
        try:
            resolve(target, 1, dataclasses.replace(five, labels=names and tuple(names)))
        except TargetError as error:
            cases.append({"target": target, "labels": names, "message": str(error)})
    assert len(cases) == len(asked)
    return cases


def main(folder: Path) -> None:
    """Writes all cases."""
    folder.mkdir(exist_ok=True)
    write = Writer(folder)
    transparent = Image.merge("RGBA", [*noise(30, 20).split(), noise(20, 30).rotate(90, expand=True).getchannel(0)])
    cases = {
        "explanations": explanations(write),
        "smallModels": small_models(write),
        "scalars": scalars(write),
        "scalarErrors": scalar_errors(),
        "withoutOurPackage": without_our_package(write),
        "resampled": resampled(write),
        "preprocessings": preprocessings(write),
        "targetErrors": target_errors(),
        "transparent": {"image": write.array(transparent), "rgb": write.array(open_picture(transparent).image)},
        "colours": np.rint(colour(np.linspace(0, 1, 256)[None]))[0].astype(int).tolist(),
    }
    (folder / "cases.json").write_text(json.dumps(cases), encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
