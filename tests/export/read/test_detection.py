"""Descriptions of detection heads as users give them; tests/export/test_detectors.py exports with them."""

import numpy as np
import pytest

from onnxcam_export import ExportError
from onnxcam_export.read.detection import HeadOutputs, read_detection

TWO = {"scores": "s", "boxes": "b"}
OFFSETS = {**TWO, "box": "offsets", "priors": np.ones((3, 4), np.float32)}
DISTANCES = {"scores": ["s", "t"], "boxes": ["b", "c"], "box": "distances", "strides": (8, 16)}


def test_the_families_and_fields_of_one_output_stay_as_they_are():
    assert read_detection(None) is None
    assert read_detection("yolov8") == {"anchors": 1, "classes": 4}
    own = {"anchors": 0, "classes": 6, "box": "corners"}
    assert read_detection(own) is own


def test_several_outputs():
    assert read_detection(TWO) == HeadOutputs(scores="s", boxes="b")
    assert read_detection(OFFSETS).priors == ((1, 1, 1, 1),) * 3
    head = read_detection(DISTANCES)
    assert (head.names, head.scales, head.strides) == (["s", "t", "b", "c"], 2, (8, 16))


@pytest.mark.parametrize(
    ("detection", "words"),
    [
        ({**TWO, "boxes": ["b", "c"]}, "scores, boxes and objectness need as many outputs each, one for each scale"),
        ({**TWO, "objectness": ["b", "c"]}, "scores, boxes and objectness need as many outputs each"),
        ({**OFFSETS, "priors": ()}, r"offsets need priors, \[A, 4\]"),
        ({**OFFSETS, "priors": [[1, 2]]}, r"offsets need priors, \[A, 4\]"),
        ({**OFFSETS, "priors": "grid"}, "detection is no description of a head: .*priors"),
        ({**OFFSETS, "variances": [0.1]}, "variances are two numbers"),
        ({**OFFSETS, "unit": "strides"}, "the unit strides is for distances, not for offsets"),
        ({**DISTANCES, "strides": [8]}, "distances need strides, a number for each of the 2 scales"),
        ({**TWO, "box": "polar"}, "detection is no description of a head: .*box"),
        (
            {**TWO, "anchor": 1},
            "detection has an unknown field: 'anchor'; its fields are scores, boxes, obj",
        ),
        ({"anchor": 1}, "'anchor'; its fields are anchors, classes, count, .*, or with scores=scores, boxes"),
        ({**TWO, "scores": 3}, "detection is no description of a head: .*scores"),
        ("yolov9000", "detection is 'yolov8', 'yolov5', a mapping of anchors, .*, not 'yolov9000'"),
        ("nowhere.json", "cannot read nowhere.json"),
        (3, "detection is 'yolov8', 'yolov5', a mapping"),
    ],
)
def test_mistaken_descriptions(detection, words):
    with pytest.raises(ExportError, match=words):
        read_detection(detection)
