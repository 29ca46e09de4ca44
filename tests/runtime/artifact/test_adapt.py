"""Other forms of a finished artifact give the same outputs, bit for bit, and what cannot be made is said."""

import numpy as np
import onnxruntime
import pytest

import onnxcam
from onnxcam.artifact.adapt import adapt, metadata_of, with_required_rows
from onnxcam.artifact.graph import main_graph
from onnxcam.errors import MethodError, ModelError, OnnxCamError

MODELS = ["toy", "pooled", "plain"]
TARGET = np.array([1, 0], np.int64)


def session(model):
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])


def outputs(opened, **feeds):
    known = {value.name for value in (*opened.get_inputs(), *opened.get_overridable_initializers())}
    names = [value.name for value in opened.get_outputs()]
    return dict(zip(names, opened.run(names, {k: v for k, v in feeds.items() if k in known}), strict=True))


def feeds(opened, level):
    (image,) = (value for value in opened.get_inputs() if not value.name.startswith("onnxcam."))
    shape = [size if isinstance(size, int) else 1 for size in image.shape]
    noise = np.random.default_rng(0).standard_normal(shape).astype(np.float32)
    return {image.name: noise, "onnxcam.target": TARGET, "onnxcam.level": np.array(level)}


def assert_equal(got, expected):
    assert got.keys() == expected.keys()
    for name, value in expected.items():
        np.testing.assert_array_equal(got[name], value, err_msg=name)


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("level", [0, 1, 2])
def test_a_fixed_level_gives_what_that_level_gives(data, name, level):
    original, fixed = session(data / f"{name}.onnx"), session(adapt(data / f"{name}.onnx", level=level))
    assert "onnxcam.level" not in {v.name for v in (*fixed.get_inputs(), *fixed.get_overridable_initializers())}
    given = feeds(original, level)
    assert_equal(outputs(fixed, **given), outputs(original, **given))
    assert onnxcam.Explainer(adapt(data / f"{name}.onnx", level=level)).metadata.level == level


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("level", [None, 1])
def test_required_inputs_are_listed_and_have_no_defaults(data, name, level):
    original = session(data / f"{name}.onnx")
    required = session(adapt(data / f"{name}.onnx", inputs="required", level=level))
    added = [value.name for value in required.get_inputs() if value.name.startswith("onnxcam.")]
    assert sorted(added) == (["onnxcam.level"] if level is None else []) + ["onnxcam.target"]
    given = feeds(original, 1)
    assert_equal(outputs(required, **given), outputs(original, **given))
    with pytest.raises(Exception, match=r"[Rr]equired inputs \(\['onnxcam"):
        required.run(None, {key: value for key, value in given.items() if not key.startswith("onnxcam.")})


def test_the_form_is_told_and_the_rest_of_the_metadata_stays(data):
    path = data / "pooled.onnx"
    before = onnxcam.Explainer(path).metadata
    form = onnxcam.Explainer(adapt(path, inputs="required", level=1)).metadata
    assert (form.form, before.form) == ("fixed at level 1, with required inputs", "levels 0, 1 and 2")
    assert (form.golden, form.layers, form.labels, form.source) == (None, before.layers, before.labels, before.source)
    assert onnxcam.Explainer(adapt(path, level=2)).metadata.golden == before.golden


def test_an_explainer_opened_at_a_level_gives_that_and_no_more(data):
    path, image = data / "pooled.onnx", np.ones((1, 3, 8, 8), np.float32)
    whole, part = onnxcam.Explainer(path), onnxcam.Explainer(path, level=1)
    np.testing.assert_array_equal(part.run(image).grad_cam(), whole.run(image, level=1).grad_cam())
    assert part.run(image, level=0).level == 0
    with pytest.raises(MethodError, match="fixed at level 1 and has no level 2; open the original with level=2"):
        part.run(image, level=2)
    assert onnxcam.Explainer(data / "flat.onnx", level=1).metadata.flat  # has no level to fix


@pytest.mark.parametrize(
    ("name", "options", "words"),
    [
        ("flat", {"level": 1}, "has no level that could be fixed: it is flat"),
        ("toy", {"level": 3}, "the level is 3; it must be 0, 1 or 2"),
        ("toy", {"level": True}, "the level is True; it must be"),
        ("toy", {"inputs": "none"}, "inputs is 'none'; it must be 'optional' or 'required'"),
    ],
)
def test_a_form_that_cannot_be_made_is_refused(data, name, options, words):
    with pytest.raises(ModelError, match=words):
        adapt(data / f"{name}.onnx", **options)


def test_what_was_fixed_stays_fixed(data):
    fixed = adapt(data / "toy.onnx", level=1, inputs="required")
    assert adapt(fixed, level=1) == fixed
    with pytest.raises(ModelError, match="level is fixed at 1 already; adapt the original"):
        adapt(fixed, level=2)
    with pytest.raises(ModelError, match="their defaults are gone; adapt the original"):
        adapt(fixed, inputs="optional")


def test_mutated_files_end_in_one_error_or_in_a_model(data):
    content = (data / "toy.onnx").read_bytes()
    rng = np.random.default_rng(0)
    refused = 0
    for _ in range(300):
        mutated = bytearray(content)
        for place in rng.integers(0, len(mutated), 3):
            mutated[place] = rng.integers(256)
        try:
            adapt(bytes(mutated), level=1)
        except OnnxCamError:
            refused += 1
    assert 0 < refused < 300


def test_required_rows_leave_the_seeds_default(data):
    opened = session(with_required_rows(onnxcam.default_model(), level=1))
    assert [value.name for value in opened.get_inputs()] == ["image", "onnxcam.target"]
    assert [value.name for value in opened.get_overridable_initializers()] == ["onnxcam.seed"]
    metadata = metadata_of(with_required_rows(data / "pooled.onnx", level=2))
    assert (metadata.level, metadata.inputs) == (2, "optional")


def test_required_rows_need_the_defaults(data):
    with pytest.raises(ModelError, match="has required inputs, and its defaults are gone; give the original"):
        with_required_rows(adapt(data / "pooled.onnx", inputs="required"), level=1)


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("level", [0, 1, 2])
def test_a_fixed_level_has_no_branches_and_no_constants_of_other_levels(data, name, level):
    graph = main_graph(adapt(data / f"{name}.onnx", level=level))
    assert "onnxcam.level" not in {value for node in graph.nodes for value in node.inputs}
    assert "If" not in {node.operator for node in graph.nodes}
    used = {value for node in graph.nodes for value in node.inputs} | set(graph.outputs)
    assert not graph.tensors.keys() - used - {"onnxcam.target", "onnxcam.seed"}
