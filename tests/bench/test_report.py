from __future__ import annotations

from pathlib import Path

import pytest

from bench import report

REPOSITORY = Path(__file__).parents[2]


@pytest.fixture
def documents(tmp_path):
    """Copies of the performance page and the README, in which the report finds its markers."""
    copies = tmp_path / "performance.md", tmp_path / "README.md"
    for copy, original in zip(copies, ("docs/performance.md", "README.md"), strict=True):
        copy.write_text((REPOSITORY / original).read_text(encoding="utf-8"), encoding="utf-8")
    return copies


def test_a_complete_table_is_written_between_the_markers(complete, documents):
    before = [document.read_text(encoding="utf-8") for document in documents]
    report.write(complete, *documents)
    once = [document.read_text(encoding="utf-8") for document in documents]
    report.write(complete, *documents)
    assert [document.read_text(encoding="utf-8") for document in documents] == once
    for old, new in zip(before, once, strict=True):
        assert new.partition("<!-- bench:begin -->")[0] == old.partition("<!-- bench:begin -->")[0]
        assert new.partition("<!-- bench:end -->")[2] == old.partition("<!-- bench:end -->")[2]
        assert f"| level 2 |{' 2.10 (210.0 ms) |' * 6}\n" in new
        assert "Measured on 2026-01-02: " in new
    assert "captum `LayerGradCam`" in once[0]
    assert "captum `LayerGradCam`" not in once[1]


def test_a_part_is_printed_and_leaves_the_documents_as_they_are(write, measured, documents, capsys):
    before = [document.read_text(encoding="utf-8") for document in documents]
    report.write(write(measured("plain", 0.1), measured("level2", 0.25)), *documents)
    assert [document.read_text(encoding="utf-8") for document in documents] == before
    printed = capsys.readouterr()
    assert "| level 2 | 2.50 (250.0 ms) |" in printed.out
    assert "The documents stay as they are: resnet18, resnet50," in printed.err


def test_a_peer_that_failed_leaves_the_documents_as_they_are(complete, documents, capsys):
    lines = complete.read_text(encoding="utf-8").splitlines(keepends=True)
    kept = [line for line in lines if not ("vgg16" in line and '"grad-cam"' in line)]
    failed = next(line for line in lines if "vgg16" in line and '"grad-cam"' in line)
    failed = failed.replace('"seconds": {"median": 0.5}', '"error": "out of memory"')
    complete.write_text("".join([*kept, failed]), encoding="utf-8")
    before = documents[1].read_text(encoding="utf-8")
    report.write(complete, *documents)
    assert documents[1].read_text(encoding="utf-8") == before
    assert "stay as they are: vgg16 not" in capsys.readouterr().err


def test_every_kind_of_figure(write, measured, documents, capsys):
    lines = [
        measured("plain", 0.1, creation=0.2, resident=100.0, peak=120.0, bytes=2**20),
        measured("level1", 0.1),
        measured("level2", 0.2, creation=0.5, resident=250.0, peak=300.0, bytes=2**21),
        measured("memory:bare", resident=50.0),
        measured("memory:plain", resident=70.0, creation=0.1),
        measured("memory:level2", resident=150.0, creation=0.3),
        measured("memory:fixed1", resident=72.0, creation=0.15),
        *(measured(kind, seconds, batch=8) for kind, seconds in (("plain", 0.8), ("level1", 0.72), ("level2", 2.0))),
        measured("level2", 0.6, targets=5),
        measured("grad-cam", error="ModuleNotFoundError: No module named 'pytorch_grad_cam'"),
        measured("start:onnxcam", 0.6, network="efficientnet_lite0", peak=200.0),
    ]
    report.write(write(*lines), *documents)
    printed = capsys.readouterr().out
    for line in (
        "| level 2, 5 classes of one image | 6.00 (600.0 ms) |",
        "| pytorch-grad-cam `GradCAM` | failed |",
        "| an image in a batch of 8: forward / level 1 / level 2 | 1.00 / 0.90 / 1.25 |",
        "| loading | 2.50 (500 ms) |",
        "| file | 2.00 (2 MiB) |",
        "| loading, `Explainer(level=1)` | 1.50 (150 ms) |",
        "| the plain model's own memory | 1.00 (20 MiB) |",
        "| its memory with `Explainer(level=1)` | 1.10 (22 MiB) |",
        "| its memory with `Explainer()` at level 2 | 5.00 (100 MiB) |",
        "| memory after level 2, plain session | 2.50 (250 MiB) |",
        "| peak memory at level 2, plain session | 2.50 (300 MiB) |",
        "and efficientnet_lite0: `onnxcam explain` to the drawing 0.60 s, 200 MiB.",
        "float32: `ModuleNotFoundError: No module named 'pytorch_grad_cam'`.",
    ):
        assert line in printed
    assert "batch of 32" not in printed  # nothing was measured


def test_what_a_gpu_did_goes_into_its_own_section(write, measured, documents):
    cuda = {"provider": "cuda", "precision": "float16"}
    lines = [
        measured("plain", 0.01, batch=8, **cuda),
        measured("level2", 0.025, batch=8, **cuda),
        measured("flat", error="capture failed", batch=8, **cuda),
    ]
    report.write(write(*lines), *documents)
    section = documents[0].read_text(encoding="utf-8").partition("<!-- bench-gpu:begin -->")[2]
    assert "| level2 resnet50 224² batch 8, cuda float16 | 2.50 (25.00 ms) |" in section
    assert "Failed: flat resnet50 224² batch 8, cuda float16: `capture failed`." in section


def test_a_document_without_markers_is_named(tmp_path):
    document = tmp_path / "page.md"
    document.write_text("<!-- bench:begin -->\n", encoding="utf-8")
    with pytest.raises(ValueError, match=r"page\.md has no lines <!-- bench:begin --> and <!-- bench:end -->"):
        report.fill(document, "bench", "table")
