"""Suppression by hand; tests/export compares it with plain loops on real heads."""

import numpy as np
import pytest

from onnxcam.detection import found_boxes
from onnxcam.metadata import DetectionHead

ROWS = DetectionHead(anchors=0, classes=5, count=2, objectness=4)
# x, y, w, h, objectness, two classes
SCORES = np.array(
    [
        [10, 10, 4, 4, 1.0, 0.9, 0.1],
        [11, 10, 4, 4, 1.0, 0.8, 0.1],  # overlaps the first by 3/5
        [11, 10, 4, 4, 1.0, 0.1, 0.7],  # of another class
        [13, 10, 4, 4, 1.0, 0.6, 0.1],  # overlaps the first by 1/7
        [30, 30, 2, 6, 0.3, 0.9, 0.1],  # 0.27
        [50, 50, 2, 6, 0.2, 0.9, 0.1],  # 0.18
    ],
    np.float32,
)


def test_suppression():
    boxes = found_boxes(SCORES, ROWS)
    assert [box.entry for box in boxes] == [(0, 5), (2, 6), (3, 5), (4, 5)]
    assert [box.confidence for box in boxes] == pytest.approx([0.9, 0.7, 0.6, 0.27])
    assert [box.c for box in boxes] == [0, 1, 0, 0]
    assert boxes[3].corners == (29, 27, 31, 33)


def test_the_limits_are_the_callers():
    assert len(found_boxes(SCORES, ROWS, confidence=0.1)) == 5
    assert len(found_boxes(SCORES, ROWS, overlap=0.61)) == 5
    assert [box.entry for box in found_boxes(SCORES, ROWS, overlap=0.1)] == [(0, 5), (2, 6), (4, 5)]
    assert found_boxes(SCORES, ROWS, confidence=0.95) == []


def test_a_head_with_its_anchors_last_and_corners():
    columns = DetectionHead(anchors=1, classes=4, count=2, box="corners")
    corners = np.array([[8, 8, 12, 12, 0.9, 0.1], [9, 8, 13, 12, 0.8, 0.1], [20, 20, 20, 20, 0.1, 0.5]], np.float32)
    boxes = found_boxes(corners.T, columns)
    assert [(box.entry, box.corners) for box in boxes] == [((4, 0), (8, 8, 12, 12)), ((5, 2), (20, 20, 20, 20))]


def test_two_empty_boxes_do_not_divide_by_zero():
    corners = np.array([[5, 5, 5, 5, 0.9], [5, 5, 5, 5, 0.8]], np.float32)
    assert len(found_boxes(corners, DetectionHead(anchors=0, classes=4, count=1, box="corners"))) == 2
