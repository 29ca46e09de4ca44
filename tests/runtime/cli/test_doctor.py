import json
import subprocess
import sys

from onnxcam.execution import installation


def test_a_table(onnxcam, monkeypatch, data):
    monkeypatch.setattr("onnxcam.execution.doctor.default_model", lambda: data / "pooled.onnx")
    result = onnxcam("doctor")
    assert result.code == 0
    assert "python" in result.out
    line = next(line for line in result.out.splitlines() if line.startswith("CPUExecutionProvider"))
    assert line.split()[1] == "yes"


def test_json(onnxcam, monkeypatch, data):
    monkeypatch.setattr("onnxcam.execution.doctor.default_model", lambda: data / "pooled.onnx")
    record = json.loads(onnxcam("doctor", "--json").out)
    assert "numpy" in record["versions"]
    assert record["providers"][-1]["provider"] == "CPUExecutionProvider"
    assert record["providers"][-1]["works"]


def test_two_onnx_runtimes_are_said(onnxcam, monkeypatch, data):
    monkeypatch.setattr("onnxcam.execution.doctor.default_model", lambda: data / "pooled.onnx")
    installed = {"onnxruntime": "1.31.1", "onnxruntime-gpu": "1.31.1"}
    monkeypatch.setattr(installation, "_version", installed.get)
    words = (
        "onnxruntime and onnxruntime-gpu bring the same package and overwrite each other's files; uninstall them all"
    )
    result = onnxcam("doctor")
    assert result.code == 0
    assert words in result.out
    (note,) = json.loads(onnxcam("doctor", "--json").out)["notes"]
    assert note.startswith(words)


def test_a_broken_onnx_runtime_is_a_finding(tmp_path):
    (tmp_path / "onnxruntime.py").write_text("raise OSError('libnothing.so: cannot open shared object file')")
    code = (
        f"import sys; sys.path.insert(0, {str(tmp_path)!r}); from onnxcam.cli import main; sys.exit(main(['doctor']))"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (result.returncode, result.stderr) == (0, "")
    assert (
        "the installed ONNX Runtime is broken: libnothing.so: cannot open shared object file; uninstall"
        in result.stdout
    )
