import json
from dataclasses import replace
from functools import partial

import numpy as np
import pytest

from onnxcam import Explainer
from onnxcam.evaluation.candidates import saliency
from onnxcam.evaluation.conventions import ONNXCAM, OPENVINO_XAI, PYTORCH_GRAD_CAM, RISE
from onnxcam.evaluation.measure import measure, subject_of
from onnxcam.evaluation.scorer import Scorer
from onnxcam.evaluation.substitutes import substitute_of
from onnxcam.execution.model import LoadedModel

# Of tests/data/make_metric_peers.py, on the model's 224 x 224 pixels.
LEFT, TOP, RIGHT, BOTTOM = 10, 20, 150, 200
# ROAD's noise alone moves the number of one image by 0.01, so it is compared without.
WITHOUT_NOISE = replace(PYTORCH_GRAD_CAM, noise=0.0)


@pytest.fixture(scope="module")
def peers(data):
    """What pytorch-grad-cam, OpenVINO-XAI, Quantus and RISE's formulas gave: see tests/data/make_metric_peers.py."""
    return json.loads((data / "metric_peers.json").read_text())["chelsea.jpg"]


@pytest.fixture(scope="module")
def measured(data):
    """The same maps of the same image, measured by each convention."""
    explainer, scorer = Explainer(), Scorer(LoadedModel(level=0))
    explanation = explainer.explain(data / "chelsea.jpg")
    image, c, metadata = explanation.tensor[0], int(explanation.class_index[0]), explainer.metadata
    region = np.zeros(image.shape[1:], bool)
    region[TOP:BOTTOM, LEFT:RIGHT] = True

    def random(_=None):
        return np.random.default_rng(0).random(image.shape[1:], np.float32)

    def explain(other, method):
        return random()[::-1] if method == "random" else saliency(explainer.run(other[None], c), method)

    def of(name, convention):
        values = random() if name == "random" else saliency(explanation, name)
        score = partial(scorer, c=c)
        subject = subject_of(image, score, convention, partial(substitute_of, image, metadata=metadata), region)
        return measure(values, subject, score, convention, partial(explain, method=name)).metrics

    conventions = {"onnxcam": ONNXCAM, "rise": RISE, "ovx": OPENVINO_XAI, "pgc": WITHOUT_NOISE}
    return {
        name: {key: of(name, convention) for key, convention in conventions.items()}
        for name in ("grad-cam", "guided-grad-cam", "random")
    }


@pytest.mark.parametrize("name", ["grad-cam", "guided-grad-cam", "random"])
@pytest.mark.parametrize(
    ("convention", "ours", "theirs"),
    [
        ("rise", "deletion", "rise_deletion"),
        ("rise", "insertion", "rise_insertion"),
        ("onnxcam", "deletion", "rise_deletion"),
        ("onnxcam", "insertion", "rise_insertion"),
        ("ovx", "deletion", "ovx_deletion"),
        ("ovx", "insertion", "ovx_insertion"),
        ("ovx", "drop", "ovx_average_drop"),
        ("ovx", "coherency", "ovx_coherency"),
        ("ovx", "complexity", "ovx_complexity"),
        ("ovx", "adcc", "ovx_adcc"),
        ("ovx", "pointing", "ovx_pointing_game"),
        ("onnxcam", "pointing", "quantus_pointing"),
        ("onnxcam", "energy", "quantus_mass"),
        ("pgc", "drop", "pgc_drop"),
        ("pgc", "increase", "pgc_increase"),
        ("pgc", "coherency", "pgc_coherency"),
        ("pgc", "complexity", "pgc_complexity"),
        ("pgc", "road", "pgc_road_without_noise"),
    ],
)
def test_the_metrics_are_those_of_the_peers(measured, peers, name, convention, ours, theirs):
    assert measured[name][convention][ours] == pytest.approx(peers[name][theirs], abs=1e-3)


def test_conventions_differ_by_more_than_the_tolerance(measured):
    """So the comparison above would see a convention that does as another does."""
    guided = measured["guided-grad-cam"]
    assert abs(guided["rise"]["deletion"] - guided["ovx"]["deletion"]) > 0.05
    assert abs(guided["rise"]["insertion"] - guided["ovx"]["insertion"]) > 0.05
    assert abs(guided["ovx"]["drop"] - guided["pgc"]["drop"]) > 0.5
    assert abs(guided["onnxcam"]["coherency"] - guided["ovx"]["coherency"]) > 0.05
    assert measured["grad-cam"]["onnxcam"]["road"] != measured["grad-cam"]["pgc"]["road"]
