"""The commands on ONNX files."""

from __future__ import annotations

from typing import TYPE_CHECKING

import onnx
import pytest

from onnx_text import model, small
from onnxcam import Explainer
from onnxcam.cli import main

if TYPE_CHECKING:
    from pathlib import Path

Capture = pytest.CaptureFixture[str]


def free_size() -> onnx.ModelProto:
    return model(
        """g (float[1,3,H,W] left, float[1,3,H,W] right) => (float[1,5] y, float[1,5] z) {
            d = Sub(left, right)
            c = Conv(d, w1)
            r = Relu(c)
            p = GlobalAveragePool(r)
            f = Flatten(p)
            y = Gemm(f, w2)
            z = Neg(y)
        }""",
        w1=(4, 3, 3, 3),
        w2=(4, 5),
    )


def test_a_file_is_exported_and_its_layers_are_listed(tmp_path: Path, capsys: Capture) -> None:
    source, out = tmp_path / "m.onnx", tmp_path / "out.onnx"
    onnx.save(small(), source)
    assert main(["layers", str(source)]) == 0
    assert "4 x 12 x 12" in capsys.readouterr().out
    assert main(["export", str(source), "-o", str(out)]) == 0
    printed = capsys.readouterr()
    assert "verified against the original in ONNX Runtime" in printed.out
    assert printed.err == ""
    assert Explainer(out).metadata.source.name == "m.onnx"


def test_the_options_for_files_reach_the_export(tmp_path: Path, capsys: Capture) -> None:
    source, out = tmp_path / "m.onnx", tmp_path / "out.onnx"
    onnx.save(free_size(), source)
    options = ["--input", "right", "--input-size", "10x14", "--score-output", "z"]
    assert main(["layers", str(source), *options]) == 0
    assert "4 x 8 x 12" in capsys.readouterr().out
    options += ["--dynamic-batch"]
    assert main(["export", str(source), "-o", str(out), *options]) == 0
    metadata = Explainer(out).metadata
    assert (metadata.image.name, metadata.image.shape, metadata.image.batch) == ("right", (3, 10, 14), None)
    assert metadata.score_value == "z"


@pytest.mark.parametrize("command", ["export", "layers"])
def test_a_mistake_is_one_line_and_exit_code_2(command: str, tmp_path: Path, capsys: Capture) -> None:
    (tmp_path / "m.onnx").write_text("no model")
    rest = ["-o", str(tmp_path / "out.onnx")] if command == "export" else []
    assert main([command, str(tmp_path / "m.onnx"), *rest]) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.count("\n") == 1
    assert "m.onnx is not an ONNX model, or is damaged; export or download it again" in printed.err
    assert not (tmp_path / "out.onnx").exists()


def test_weights_are_for_modules(tmp_path: Path, capsys: Capture) -> None:
    onnx.save(small(), tmp_path / "m.onnx")
    assert main(["export", str(tmp_path / "m.onnx"), "-o", str(tmp_path / "out.onnx"), "--pretrained"]) == 2
    assert "an ONNX file has its weights inside" in capsys.readouterr().err
