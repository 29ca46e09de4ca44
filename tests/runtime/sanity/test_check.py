"""A planted method that ignores the class is caught, and so are those of the default model that do."""

import contextlib

import numpy as np
import pytest

import onnxcam
from onnxcam import cam
from onnxcam.artifact.adapt import stated_metadata
from onnxcam.errors import ModelError
from onnxcam.photograph.opening import open_picture
from onnxcam.photograph.preprocessing import channels_last, preprocess
from onnxcam.sanity.check import check_sanity, depths_of
from onnxcam.sanity.maps import maps_of
from onnxcam.sanity.verdict import CHANGES_BELOW, SHIFTED_BELOW, STAYS_ABOVE, grade, in_words

PHOTOGRAPHS = ("chelsea", "coffee", "rocket")


def edges(explanation):
    """An edge detector: a map of the picture that knows nothing of the model."""
    grey = channels_last(explanation.tensor, explanation.metadata).mean(axis=-1)
    down, across = np.gradient(grey, axis=(1, 2))
    return np.repeat(np.hypot(down, across), len(explanation.class_index), axis=0)


def activation(explanation):
    """A map of the model that ignores the class."""
    return np.repeat(explanation.activations["features"].mean(axis=1), len(explanation.class_index), axis=0)


def faithful(explanation):
    """CAM by its definition."""
    return cam.cam(explanation.activations["features"], explanation.gradients["features"], relu=False)


@pytest.fixture(scope="module")
def tensors(data):
    metadata = stated_metadata(onnxcam.default_model())
    return [preprocess(open_picture(data / f"{name}.jpg"), metadata)[0][None] for name in PHOTOGRAPHS]


@pytest.fixture(scope="module")
def report(tensors):
    path = onnxcam.default_model()
    planted = {"edges": edges, "activation": activation, "own": faithful}
    return check_sanity(path, tensors, methods={**maps_of(stated_metadata(path)), **planted})


def test_planted_methods_are_told_apart(report):
    methods = report.short.methods
    assert grade("edges", report.short) == grade("activation", report.short) == "does not"
    assert methods["edges"].classes == methods["edges"].classifier == methods["edges"].network == 1
    assert methods["activation"].network < 0.6  # it does depend on the network
    assert grade("own", report.short) == "changes"


def test_the_default_model(report):
    grades = {name: grade(name, report.short) for name in report.methods}
    assert {name for name, found in grades.items() if found == "does not"} == {
        "guided-backprop",
        "grad-cam++",
        "layer-cam",
        "eigen-cam",
        "eigen-grad-cam",
        "edges",
        "activation",
    }
    assert {grades[name] for name in ("grad-cam", "cam", "hires-cam", "xgrad-cam")} == {"changes"}
    assert grades["guided-grad-cam"] == "in part"


def test_a_map_that_becomes_its_negative_is_told(report):
    method = report.short.methods["eigen-grad-cam"]
    assert method.classifier < CHANGES_BELOW < STAYS_ABOVE < method.unsigned


def test_guided_backpropagation_forgets_the_network_last(report):
    guided = report.methods["guided-backprop"]
    sixteen = report.depths.index(16)
    assert guided.classes.low > 0.99
    assert guided.rank_correlation[sixteen].low > 0.8
    assert guided.rank_correlation[-1].high < 0.6
    assert guided.structural_similarity[0].low > guided.structural_similarity[-1].high


def test_intervals_are_those_of_the_pictures(report, tensors):
    """Of three pictures, the ends are means of some of them; one picture has no spread."""
    one = check_sanity(onnxcam.default_model(), tensors[:1]).methods["grad-cam"]
    for interval in (one.classes, *one.rank_correlation, *one.structural_similarity, one.shift):
        assert interval.low == interval.mean == interval.high
    classes = report.methods["grad-cam"].classes
    assert classes.low < classes.mean < classes.high
    assert classes.low <= one.classes.mean <= classes.high


def test_no_method_of_ours_reads_the_inputs_own_values(report):
    assert min(method.shift.low for method in report.methods.values()) > 0.999


def test_a_method_that_does_is_told(data):
    generator = np.random.default_rng(0)
    # Bright enough for the network to respond, with dark places whose order the constant turns around.
    image = np.where(generator.random((4, 1, 1, 4, 4)) < 0.5, -generator.random((4, 1, 1, 4, 4)), 30)
    report = check_sanity(data / "plain.onnx", list(image.astype(np.float32)))
    assert report.methods["input-gradient"].shift.mean == 1
    assert report.methods["input-x-gradient"].shift.mean < SHIFTED_BELOW
    told = in_words("input-x-gradient", report.short)
    assert told.endswith("it also changes with a constant that is added to the input and taken away again")


def test_the_same_in_every_run(data):
    image = [np.random.default_rng(0).normal(size=(1, 3, 8, 8)).astype(np.float32)]
    steps, done = [], []

    @contextlib.contextmanager
    def progress(total):
        steps.append(total)
        yield lambda: done.append(1)

    first = check_sanity(data / "pooled.onnx", image, progress=progress)
    assert first == check_sanity(data / "pooled.onnx", image)
    assert (steps, len(done)) == ([8], 8)
    assert (first.layers, first.depths) == (("fc_weight", "conv_weight"), (1, 2))


@pytest.mark.parametrize(("layers", "depths"), [(1, (1,)), (2, (1, 2)), (5, (1, 2, 4, 5)), (8, (1, 2, 4, 8))])
def test_depths(layers, depths):
    assert depths_of(layers) == depths


def test_a_model_without_maps_is_said(data, tmp_path):
    (tmp_path / "answers.onnx").write_bytes(onnxcam.adapt(data / "pooled.onnx", level=0))
    image = [np.zeros((1, 3, 8, 8), np.float32)]
    with pytest.raises(ModelError, match="fixed at level 0 and gives no maps"):
        check_sanity(tmp_path / "answers.onnx", image)
