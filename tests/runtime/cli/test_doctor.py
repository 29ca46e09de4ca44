import json
import subprocess
import sys


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


def doctor_beside(folder, *options):
    """The output of the command where a folder's modules and distributions come first."""
    code = (
        f"import sys; sys.path.insert(0, {str(folder)!r}); from onnxcam.cli import main; "
        f"sys.exit(main(['doctor', *{options!r}]))"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (result.returncode, result.stderr) == (0, "")
    return result.stdout


def test_two_onnx_runtimes_are_said(tmp_path):
    for name in ("onnxruntime", "onnxruntime-gpu"):
        described = tmp_path / f"{name.replace('-', '_')}-1.31.1.dist-info"
        described.mkdir()
        (described / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.31.1\n")
    words = (
        "onnxruntime and onnxruntime-gpu bring the same package and overwrite each other's files; uninstall them all"
    )
    assert words in doctor_beside(tmp_path)
    (note,) = json.loads(doctor_beside(tmp_path, "--json"))["notes"]
    assert note.startswith(words)


def test_an_onnx_runtime_for_another_processor_is_a_finding(tmp_path):
    (tmp_path / "onnxruntime.py").write_text("import os, signal\nos.kill(os.getpid(), signal.SIGILL)\n")
    record = json.loads(doctor_beside(tmp_path, "--json"))
    assert record["notes"] == [
        "onnxruntime uses an instruction that this processor lacks; install another version of onnxruntime"
    ]
    assert record["providers"] == []


def test_a_broken_onnx_runtime_is_a_finding(tmp_path):
    (tmp_path / "onnxruntime.py").write_text("raise OSError('libnothing.so: cannot open shared object file')")
    assert (
        "the installed ONNX Runtime is broken: libnothing.so: cannot open shared object file; uninstall"
        in doctor_beside(tmp_path)
    )
