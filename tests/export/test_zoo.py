"""A sample of the zoo; ``python -m zoo run`` tries all of it."""

from __future__ import annotations

import pytest

from zoo import results
from zoo.attempt import try_file, try_one
from zoo.table import TABLE, table


@pytest.mark.parametrize(
    "name",
    ["timm:test_convnext", "timm:test_nfnet", "torchvision:swin_t", "timm:test_mambaout", "timm:starnet_s050"],
)
def test_a_model(name):
    result = try_one(name)
    assert "error" not in result
    assert not [note for note in result["notes"] if note.startswith("not compared")]
    assert results.agrees(result)


def test_a_file_of_a_model():
    result = try_file("timm:test_vit3")
    assert "error" not in result
    assert results.agrees(result)


def test_a_failure_has_its_reason_in_the_table(monkeypatch, tmp_path):
    failed = {"name": "timm:odd", "module": "odd", "error": "OperatorError: no gradient rule for Det; needed because"}
    worked = {
        "name": "torchvision:net",
        "module": "net",
        "parameters": 1_500_000,
        "side": 64,
        "layer": "features",
        "shape": [8, 2, 2],
        "errors": {"onnxcam.scores": 1e-7, "onnxcam.gradients/features": 2e-7},
        "notes": [],
        "size": 1.01,
        "guided": 3e-7,
        "seconds": 4.2,
    }
    off = {**worked, "name": "torchvision:off", "guided": 0.5, "guided_exact": 0.5, "guided_own": 1e-6}
    monkeypatch.setattr(results, "FOLDER", tmp_path)
    for result in (failed, {**worked, "size": 9}, worked, off):
        results.add(result)
    results.add({**worked, "name": "timm:file"}, results.FILES)
    results.add({"name": "timm:none", "module": "none", "unwritten": "TypeError: no"}, results.FILES)
    results.add({"name": "timm:bad", "module": "bad", "error": "ScoreError: no scores"}, results.FILES)
    text = table()
    assert "- timm: 1 of 2\n- not `timm:bad`: ScoreError: no scores\n" in text
    assert "- torchvision: 1 of 2" in text
    assert "- timm: 0 of 1" in text
    assert "| net | 1.5 | 64 | features [8 x 2 x 2] | 1e-07 | 2e-07 | 3e-07 | 1.010 | 4 |" in text
    assert "- `timm:odd`: OperatorError: no gradient rule for Det\n" in text
    assert "- `torchvision:off`: the guided gradient differs by 5.0e-01" in text


def test_the_table_is_that_of_the_results():
    assert TABLE.read_text(encoding="utf-8") == table()
