from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def page_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A package ``onnxcam_page`` in place of the distribution's, which holds 14 MB."""
    files = tmp_path / "onnxcam_page" / "files"
    files.mkdir(parents=True)
    (files.parent / "__init__.py").write_text("from pathlib import Path\nFILES = Path(__file__).parent / 'files'\n")
    for name, content in {"index.html": "page", "ort-wasm-simd-threaded.wasm": "runtime"}.items():
        (files / name).write_text(content)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "onnxcam_page", raising=False)
    return files
