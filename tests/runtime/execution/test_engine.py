import importlib
import subprocess
import sys

import pytest

from onnxcam.errors import ProviderError
from onnxcam.execution import engine
from onnxcam.execution.engine import first_line, is_its_own, onnxruntime


def raised(function) -> Exception:
    with pytest.raises(Exception) as caught:  # noqa: PT011  whatever it is
        function()
    return caught.value


def test_its_own_errors_are_known():
    assert is_its_own(raised(lambda: onnxruntime.InferenceSession(b"not a model", providers=["CPUExecutionProvider"])))
    assert is_its_own(raised(lambda: onnxruntime.InferenceSession(5, providers=["CPUExecutionProvider"])))


@pytest.mark.parametrize("error", [TimeoutError, RuntimeError, KeyError, MemoryError])
def test_errors_of_others_are_known(error):
    def handler() -> None:
        raise error

    assert not is_its_own(raised(handler))


def test_the_first_line_without_the_code():
    assert first_line(ValueError("[ONNXRuntimeError] : 1 : FAIL : too : bad\nmore")) == "too : bad"
    assert first_line(ValueError("")) == "ValueError"
    assert first_line(ValueError("\x1b[2J")) == r"\x1b[2J"
    assert len(first_line(ValueError("x" * 10**6))) < 500


def test_one_that_is_not_there(monkeypatch):
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(ProviderError, match="ONNX Runtime is not installed; install it with pip install 'onnxcam"):
        engine._imported()


@pytest.mark.parametrize(
    "error",
    [OSError("libfoo.so: cannot open"), ImportError("libfoo.so"), ModuleNotFoundError("no numpy", name="numpy")],
)
def test_one_that_cannot_be_imported(monkeypatch, error):
    def fail(_name: str) -> None:
        raise error

    monkeypatch.setattr(importlib, "import_module", fail)
    with pytest.raises(
        ProviderError, match=r"is broken: (libfoo|no numpy).*; uninstall onnxruntime and onnxruntime-gpu"
    ):
        engine._imported()


def test_the_rest_of_one_that_was_uninstalled(tmp_path):
    """pip leaves the folder where another distribution of the same module had files in it too."""
    (tmp_path / "onnxruntime").mkdir()
    code = f"""
import sys
sys.path.insert(0, {str(tmp_path)!r})
from onnxcam.cli import main
sys.exit(main(["inspect"]))
"""
    (tmp_path / "onnxruntime" / "__init__.py").touch()
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert result.returncode == 2
    assert result.stderr.startswith("onnxcam: the installed ONNX Runtime is broken: it lacks most of its files;")
    assert result.stderr.count("\n") == 1
