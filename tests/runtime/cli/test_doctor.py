import json


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
