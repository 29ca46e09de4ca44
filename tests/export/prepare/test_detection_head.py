"""The axes of a head's outputs; tests/export/test_detectors.py compares the joined heads with PyTorch."""

import numpy as np
import onnx_ir as ir
import pytest

from onnxcam_export import ExportError
from onnxcam_export.prepare.detection_head import append, parts_of
from onnxcam_export.read.detection import HeadOutputs

SIZE = (64, 96)


def values(**shapes):
    return [ir.val(name, dtype=ir.DataType.FLOAT, shape=["N", *shape]) for name, shape in shapes.items()]


def axes(head, **shapes):
    return [(part.anchors, part.values, part.turns) for part in parts_of(head, values(**shapes), SIZE)]


def test_anchors_may_come_first_last_or_as_places():
    head = HeadOutputs("s", "b")
    assert axes(head, s=(30, 5), b=(30, 4)) == [(30, 5, False), (30, 4, False)]
    assert axes(head, s=(5, 30), b=(4, 30)) == [(30, 5, True), (30, 4, True)]
    assert axes(head, s=(5, 6, 5), b=(4, 6, 5)) == [(30, 5, True), (30, 4, True)]
    assert axes(head, s=(30,), b=(4, 30)) == [(30, 1, False), (30, 4, True)]
    assert axes(head, s=(4, 4), b=(4, 4)) == [(4, 4, False)] * 2


def test_the_strides_tell_the_anchors_of_distributions_from_their_values():
    head = HeadOutputs("s", "b", box="distances", strides=16)
    assert axes(head, s=(24, 3), b=(24, 32)) == [(24, 3, False), (24, 32, False)]  # 24 is a multiple of four too
    assert axes(head, s=(3, 4, 6), b=(32, 4, 6)) == [(24, 3, True), (24, 32, True)]


@pytest.mark.parametrize(
    ("head", "shapes", "words"),
    [
        (HeadOutputs("s", "b"), {"s": (30, 5), "b": (30, 32)}, r"must be \[N, A, 4\], \[N, 4, A\] or \[N, 4, h, w\]"),
        (HeadOutputs("s", "b"), {"s": (30, 5), "b": (3, 30, 4)}, r"must be \[N, A, 4\], \[N, 4, A\] or \[N, 4, h, w\]"),
        (
            HeadOutputs("s", "b"),
            {"s": (31, 5), "b": (30, 4)},
            r"'s' have the shape \[N, 31, 5\], .* fit the 30 boxes",
        ),
        (HeadOutputs("s", "b", "o"), {"s": (30, 5), "b": (30, 4), "o": (30, 2)}, "objectness .* is one value for each"),
        (
            HeadOutputs("s", "b", box="distances", strides=8),
            {"s": (24, 3), "b": (24, 32)},
            r"'b' have the shape \[N, 24, 32\], and its stride makes 96 cells; give outputs and strides in the same",
        ),
        (
            HeadOutputs(("s", "t"), ("b", "c")),
            {"s": (30, 5), "t": (30, 6), "b": (30, 4), "c": (30, 4)},
            "of different numbers of classes at its scales",
        ),
    ],
)
def test_outputs_of_no_head(head, shapes, words):
    with pytest.raises(ExportError, match=words):
        parts_of(head, values(**shapes), SIZE)


def test_every_anchor_needs_its_prior():
    inputs = values(s=(30, 5), b=(30, 4))
    model = ir.Model(ir.Graph(inputs, inputs, nodes=[], opset_imports={"": 20}), ir_version=10)
    head = HeadOutputs("s", "b", box="offsets", priors=tuple(map(tuple, np.ones((5, 4)))))
    with pytest.raises(ExportError, match="there are 5 priors for 30 anchors; give one for each"):
        append(model, head, parts_of(head, inputs, SIZE), SIZE)
