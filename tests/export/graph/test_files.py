"""Writing models: whole or not at all, and large weights beside them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import onnx
import onnxruntime as ort
import pytest

from onnx_text import small
from onnxcam import Explainer
from onnxcam.errors import OutputError
from onnxcam_export import export
from onnxcam_export.graph import files as saving

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def large(monkeypatch: pytest.MonkeyPatch) -> None:
    """Weights are taken for large at a threshold that small models pass."""
    monkeypatch.setattr(saving, "EXTERNAL_DATA_ABOVE", 100)


@pytest.mark.usefixtures("large")
def test_large_weights_go_into_a_file_beside_the_model(tmp_path: Path) -> None:
    proto = small(weights={"w2": (4, 300), "b2": (300,)}, output="float[N,300] y")
    report = export(proto, tmp_path / "out.onnx")
    assert sorted(file.name for file in tmp_path.iterdir()) == ["out.onnx", "out.onnx.data"]
    assert report.size == sum(file.stat().st_size for file in tmp_path.iterdir())
    written = onnx.load(report.path, load_external_data=False)
    locations = {e.value for t in written.graph.initializer for e in t.external_data if e.key == "location"}
    assert locations == {"out.onnx.data"}
    image = np.random.default_rng(0).standard_normal((1, 3, 12, 12)).astype(np.float32)
    (expected,) = ort.InferenceSession(proto.SerializeToString()).run(None, {"x": image})
    np.testing.assert_allclose(Explainer(report.path).run(image).scores, expected, rtol=1e-5)


@pytest.mark.usefixtures("large")
def test_a_failed_export_leaves_what_was_there(tmp_path: Path) -> None:
    (tmp_path / "out.onnx").write_text("before")
    with pytest.raises(Exception, match="no output 'nothing'"):
        export(small(), tmp_path / "out.onnx", score_output="nothing")
    assert [file.name for file in tmp_path.iterdir()] == ["out.onnx"]
    assert (tmp_path / "out.onnx").read_text() == "before"


def test_what_cannot_be_written_is_said_first(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="it is a folder"):
        export(small(), tmp_path)
    with pytest.raises(OutputError, match="does not exist"):
        export(small(), tmp_path / "no" / "out.onnx")


def test_a_model_is_not_written_over_its_source_or_under_a_strange_name(tmp_path: Path) -> None:
    source, link = tmp_path / "in.onnx", tmp_path / "link.onnx"
    onnx.save(small(), source)
    link.symlink_to(source)
    before = source.read_bytes()
    for output in (source, link):
        with pytest.raises(OutputError, match=r"cannot write .*onnx: it is .*in\.onnx, which is read; name another"):
            export(source, output)
    with pytest.raises(OutputError, match=r"out\.txt: an explainer model's name ends in \.onnx"):
        export(source, tmp_path / "out.txt")
    assert source.read_bytes() == before


def test_the_size_without_explanations_is_about_the_plain_file_s(tmp_path: Path) -> None:
    proto = small(weights={"w2": (4, 3000), "b2": (3000,)}, output="float[N,3000] y")
    report = export(proto, tmp_path / "out.onnx", verify=False)
    assert report.plain_size == pytest.approx(len(proto.SerializeToString()), rel=0.02)
