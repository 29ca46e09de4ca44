"""The forms of one model, and what each level must give."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import numpy as np
import onnx
from PIL import Image

import onnxcam
from bench.configurations import REPOSITORY, Configuration
from bench.exports import export_path, make
from onnxcam.contract import LEVEL_INPUT, SCORES_OUTPUT, SEED_INPUT, TARGET_INPUT
from onnxcam.execution.session import open_session

if TYPE_CHECKING:
    from pathlib import Path

    from bench.portability.measure import Array

# A form's levels; the plain model has none, and its time is the unit.
LEVELS = {
    "plain": ("plain",),
    "as exported": ("0", "1", "2"),
    "required inputs": ("0", "1", "2"),
    "required, level 1 fixed": ("1",),
    "required, level 1 fixed, sizes fixed": ("1, two rows",),
    "required, level 2 fixed": ("2",),
    "required, flat": ("2",),
    "required, flat, sizes fixed": ("2, two rows",),
}
_IR_VERSION = 9  # what PyTorch's export declares is too new for ONNX Runtime 1.17
SIZES = {"batch": 1, "targets": 1, "seeds": 1}  # some runtimes take no tensors without elements
TARGETS = (-2,)  # not the top class, so that a runtime that ignores the input is seen


def write(folder: Path, network: str) -> None:
    """Writes the forms of a network and the cases into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    sources = {kind: _export(Configuration(kind, network)) for kind in ("plain", "level2", "flat")}
    exported = sources["level2"].read_bytes()
    contents = {
        "plain": _sized(sources["plain"].read_bytes()),
        "as exported": exported,
        "required inputs": onnxcam.adapt(exported, inputs="required"),
        "required, level 1 fixed": onnxcam.adapt(exported, inputs="required", level=1),
        "required, level 2 fixed": onnxcam.adapt(exported, inputs="required", level=2),
        "required, flat": onnxcam.adapt(sources["flat"], inputs="required"),
    }
    contents |= {
        f"{form}, sizes fixed": _sized(contents[form]) for form in ("required, level 1 fixed", "required, flat")
    }
    for form, content in contents.items():
        path_of(folder, form).write_bytes(content)
    _write_cases(folder, exported)


def path_of(folder: Path, form: str) -> Path:
    """The file of a form."""
    return folder / f"{form.replace(', ', '-').replace(' ', '-')}.onnx"


def _export(configuration: Configuration) -> Path:
    path = export_path(configuration)
    if not path.exists():
        make(configuration)
    return path


def _sized(content: bytes) -> bytes:
    """A model whose inputs have fixed sizes, and whose other shapes are inferred from them."""
    model = onnx.load_from_string(content)
    model.ir_version = min(model.ir_version, _IR_VERSION)
    for value in model.graph.input:
        for dimension in value.type.tensor_type.shape.dim:
            if dimension.dim_param:
                dimension.dim_value = SIZES[dimension.dim_param]
    del model.graph.value_info[:]
    for value in model.graph.output:
        value.type.tensor_type.ClearField("shape")
    return bytes(onnx.shape_inference.infer_shapes(model).SerializeToString())


def _write_cases(folder: Path, model: bytes) -> None:
    """The inputs and outputs of each level, computed by ONNX Runtime, as files of raw numbers and an index."""
    session, metadata = open_session(model, providers=["cpu"], threads=1)
    shapes = {value.name: value.shape for value in session.get_outputs()}
    index: dict[str, dict[str, dict[str, object]]] = {}
    for level in ("plain", "0", "1", "1, two rows", "2", "2, two rows"):
        feeds, expected = {metadata.image.name: _photograph()}, {}
        if level != "plain":
            feeds[LEVEL_INPUT] = np.array(int(level[0]))
            feeds[TARGET_INPUT] = np.array(TARGETS)
            feeds[SEED_INPUT] = np.eye(int(level.endswith("two rows")), shapes[SCORES_OUTPUT][1], dtype=np.float32)
            outputs = dict(zip(shapes, session.run(list(shapes), feeds), strict=True))
            # Those that a level does not give have no rows, which some runtimes give as scalars.
            expected = {name: values for name, values in outputs.items() if values.size}
        index[level] = {"feeds": {}, "expected": {}}
        for key, arrays in (("feeds", feeds), ("expected", expected)):
            for number, (name, values) in enumerate(arrays.items()):
                index[level][key][name] = _kept(folder, f"{level}-{key}-{number}.bin", values)
    (folder / "index.json").write_text(json.dumps(index), encoding="utf-8")


def _kept(folder: Path, file: str, values: Array) -> dict[str, object]:
    (folder / file).write_bytes(values.tobytes())
    return {"file": file, "type": values.dtype.name, "shape": values.shape}


def _photograph() -> Array:
    """A photograph, [1, 3, 224, 224]."""
    with Image.open(REPOSITORY / "tests" / "data" / "coffee.jpg") as image:
        pixels = image.convert("RGB").resize((384, 256), Image.Resampling.BICUBIC).crop((80, 16, 304, 240))
    return ((np.asarray(pixels, np.float32) - 127) / 128).transpose(2, 0, 1)[None].copy()
