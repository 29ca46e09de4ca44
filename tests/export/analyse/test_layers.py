"""Which values can be target layers in graphs that lay out their maps in other ways."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from onnx_text import model, small
from onnxcam_export import TargetLayerError, candidates, export

if TYPE_CHECKING:
    from pathlib import Path

    import onnx


def channels_last() -> onnx.ModelProto:
    """A convolution between transposes, an addition in NHWC, and a Transpose in front of Flatten."""
    return model(
        """g (float[N,12,12,3] image) => (float[N,5] y) {
            scaled = Mul(image, two)
            t1 = Transpose <perm = [0, 3, 1, 2]> (scaled)
            c1 = Conv(t1, w1)
            r1 = Relu(c1)
            t2 = Transpose <perm = [0, 2, 3, 1]> (r1)
            moved = Add(t2, shift)
            t3 = Transpose <perm = [0, 3, 1, 2]> (moved)
            c2 = Conv(t3, w2)
            r2 = Relu(c2)
            t4 = Transpose <perm = [0, 2, 3, 1]> (r2)
            f = Flatten(t4)
            y = MatMul(f, w3)
        }""",
        two=(1,),
        w1=(4, 3, 3, 3),
        shift=(4,),
        w2=(6, 4, 3, 3),
        w3=(6 * 8 * 8, 5),
    )


def test_only_maps_with_channels_first_are_offered() -> None:
    found = {layer.name: layer for layer in candidates(channels_last())}
    assert set(found) == {"t1", "c1", "r1", "t3", "c2", "r2"}
    assert [name for name, layer in found.items() if layer.is_default] == ["r2"]
    assert found["r2"].shape == (6, 8, 8)


@pytest.mark.parametrize("name", ["t4", "moved", "scaled"])
def test_a_layer_with_channels_last_is_refused(name: str, tmp_path: Path) -> None:
    with pytest.raises(TargetLayerError, match=rf"the layer '{name}' has its channels last, \[.*\]; choose one with"):
        export(channels_last(), tmp_path / "out.onnx", layers=name)


def test_a_layer_may_be_named_by_its_node_or_its_value(tmp_path: Path) -> None:
    proto = small()
    proto.graph.node[0].name = "features/conv"
    report = export(proto, tmp_path / "out.onnx", layers=["features/conv", "r"])
    assert [(layer.name, layer.value) for layer in report.metadata.layers] == [("features/conv", "c"), ("r", "r")]
