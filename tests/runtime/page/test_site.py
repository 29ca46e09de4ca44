import json
import sys

import pytest

from onnxcam.errors import ModelError, OutputError
from onnxcam.page.site import page_files as found_files
from onnxcam.page.site import write_site


@pytest.fixture
def model(rewritten, tmp_path):
    path = tmp_path / "cats.onnx"
    path.write_bytes(rewritten("pooled", schema=2))
    return path


@pytest.mark.usefixtures("page_files")
def test_the_folder_holds_the_page_the_runtime_and_the_models(model, tmp_path):
    folder, other = tmp_path / "site" / "deep", tmp_path / "other" / "cats.onnx"
    other.parent.mkdir()
    other.write_bytes(model.read_bytes() + b"")
    written = write_site([model, other], folder)
    index = json.loads((folder / "site.json").read_text())
    size = model.stat().st_size
    assert index["runtime"] == {"file": "ort-wasm-simd-threaded.wasm", "bytes": 7}
    assert index["models"] == [
        {"name": "cats", "file": "models/cats.onnx", "bytes": size},
        {"name": "cats-2", "file": "models/cats-2.onnx", "bytes": size},
    ]
    assert (folder / "models" / "cats-2.onnx").read_bytes() == model.read_bytes()
    assert (written.page, written.runtime, written.models) == (
        4 + (folder / "site.json").stat().st_size,
        7,
        2 * size,
    )


@pytest.mark.usefixtures("page_files")
def test_an_older_page_is_replaced_with_its_models_and_nothing_else_is(model, tmp_path):
    folder = tmp_path / "site"
    write_site([model], folder)
    renamed = model.rename(tmp_path / "dogs.onnx")
    (folder / "models" / "mine.onnx").write_bytes(b"kept")
    write_site([renamed], folder)
    assert sorted(path.name for path in (folder / "models").iterdir()) == ["dogs.onnx", "mine.onnx"]
    write_site([folder / "models" / "dogs.onnx"], folder)  # from itself
    assert (folder / "models" / "dogs.onnx").read_bytes() == renamed.read_bytes()
    for damaged in ("", "[]", '{"models": 3}'):
        (folder / "site.json").write_text(damaged)
        write_site([renamed], folder)


@pytest.mark.usefixtures("page_files")
def test_a_folder_with_other_files_stays_as_it_is(model, tmp_path):
    folder = tmp_path / "work"
    folder.mkdir()
    (folder / "thesis.txt").write_text("years")
    with pytest.raises(OutputError, match="it holds other files; name a new or an empty folder"):
        write_site([model], folder)
    assert [path.name for path in folder.iterdir()] == ["thesis.txt"]
    with pytest.raises(OutputError, match="it is a file; name a folder"):
        write_site([model], folder / "thesis.txt")


@pytest.mark.usefixtures("page_files")
def test_models_that_the_page_cannot_explain(rewritten, tmp_path, data):
    dense = {"schema": 2, "classes": None, "labels": None, "score_shape": (4, 7), "golden": None}
    wrong = {
        "needs 2; export it again": (data / "pooled.onnx").read_bytes(),
        "cannot take images": rewritten("toy", schema=2),
        r"gives scores \[4, 7\], and the page shows classes, boxes or": rewritten("pooled", **dense),
        "is not an explainer model": rewritten("pooled", None),
    }
    for words, content in wrong.items():
        path = tmp_path / "model.onnx"
        path.write_bytes(content)
        with pytest.raises(ModelError, match=words):
            write_site([path], tmp_path / "site")
    with pytest.raises(ModelError, match="is not an ONNX file, or is damaged"):
        write_site([data / "coffee.jpg"], tmp_path / "site")
    assert not (tmp_path / "site").exists()


def test_without_the_files_the_command_says_what_to_install(monkeypatch, page_files):
    (page_files / "ort-wasm-simd-threaded.wasm").unlink()
    with pytest.raises(OutputError, match="build them with 'make page', which needs Node"):
        found_files()
    monkeypatch.setitem(sys.modules, "onnxcam_page", None)
    with pytest.raises(OutputError, match=r"install them with: pip install 'onnxcam\[page\]'"):
        found_files()
