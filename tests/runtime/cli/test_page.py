import re
import sys
from http.server import ThreadingHTTPServer

import pytest


@pytest.fixture
def installed(tmp_path, monkeypatch):
    """A package ``onnxcam_page`` in place of the distribution's, which holds 14 MB."""
    files = tmp_path / "onnxcam_page" / "files"
    files.mkdir(parents=True)
    (files.parent / "__init__.py").write_text("from pathlib import Path\nFILES = Path(__file__).parent / 'files'\n")
    (files / "ort-wasm-simd-threaded.wasm").write_text("runtime")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "onnxcam_page", raising=False)


@pytest.mark.usefixtures("installed")
def test_the_default_model_is_written_and_its_sizes_are_said(onnxcam, tmp_path):
    result = onnxcam("page", "-o", tmp_path / "site")
    assert (result.code, result.err) == (0, "")
    assert re.fullmatch(
        rf"saved {tmp_path}/site: the page 0\.0 MB, ONNX Runtime 0\.0 MB, models 18\.\d MB\n", result.out
    )
    assert (tmp_path / "site" / "models" / "efficientnet_lite0.onnx").is_file()


@pytest.mark.usefixtures("installed")
def test_it_is_served_until_the_user_stops_it(onnxcam, monkeypatch):
    served = []

    def interrupted(self):
        served.append(self.server_port)
        raise KeyboardInterrupt

    monkeypatch.setattr(ThreadingHTTPServer, "serve_forever", interrupted)
    result = onnxcam("page", "--serve", "--port", 0)
    assert (result.code, result.err) == (0, "")
    assert result.out == f"http://127.0.0.1:{served[0]}/ until Ctrl-C\n"


def test_mistakes_are_one_sentence(onnxcam, model, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "onnxcam_page", None)
    assert "no folder is named; give --output FOLDER, or --serve for a look" in onnxcam("page").sentence
    assert "pip install 'onnxcam[page]'" in onnxcam("page", model, "-o", tmp_path / "site").sentence
