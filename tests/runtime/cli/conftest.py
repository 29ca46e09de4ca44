from __future__ import annotations

from dataclasses import dataclass

import pytest

from onnxcam.cli import main


@dataclass
class Result:
    code: int
    out: str
    err: str

    @property
    def sentence(self) -> str:
        """The one line that is all there is to see of a mistake."""
        assert (self.code, self.out, self.err.count("\n")) == (2, "", 1)
        assert self.err.startswith("onnxcam: ")
        return self.err


@pytest.fixture
def onnxcam(capsys, tmp_path, monkeypatch):
    """Runs the command in an empty folder of its own."""
    folder = tmp_path / "here"
    folder.mkdir()
    monkeypatch.chdir(folder)

    def run(*arguments: object) -> Result:
        code = main([str(argument) for argument in arguments])
        return Result(code, *capsys.readouterr())

    return run


@pytest.fixture
def model(data):
    return data / "pooled.onnx"
