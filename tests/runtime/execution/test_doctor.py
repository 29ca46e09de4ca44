from onnxcam.errors import ModelError
from onnxcam.execution import doctor, providers
from onnxcam.execution.providers import AZURE, CPU, CUDA, TENSORRT


def examine(monkeypatch, available: list[str]) -> dict[str, doctor.Finding]:
    monkeypatch.setattr(providers, "available", lambda: available)
    return {finding.provider: finding for finding in doctor.examine()}


def test_the_cpu_is_tried_with_a_model(monkeypatch, data):
    monkeypatch.setattr(doctor, "default_model", lambda: data / "pooled.onnx")
    finding = examine(monkeypatch, [CPU])[CPU]
    assert finding.works
    assert finding.reason == "the default model passes its golden check"


def test_a_wrong_answer_is_found(monkeypatch, data):
    monkeypatch.setattr(doctor, "default_model", lambda: data / "pooled.onnx")
    wrong = doctor.golden.Comparison("scores", 1.0, 1e-4)
    monkeypatch.setattr(doctor.golden, "check", lambda _explainer: (wrong,))
    finding = examine(monkeypatch, [CPU])[CPU]
    assert not finding.works
    assert finding.reason == "its outputs differ from the export's: scores"


def test_what_does_not_load_has_its_reason(monkeypatch):
    monkeypatch.setattr(providers, "_why_not_cuda", lambda: "there is no NVIDIA driver")
    finding = examine(monkeypatch, [CUDA])[CUDA]
    assert not finding.works
    assert finding.reason == "there is no NVIDIA driver"


def test_tensorrt_is_not_made_to_compile(monkeypatch):
    monkeypatch.setattr(providers, "why_not", lambda _name: None)
    assert "not tried" in examine(monkeypatch, [TENSORRT])[TENSORRT].reason


def test_without_a_default_model(monkeypatch):
    def missing():
        raise ModelError("missing")

    monkeypatch.setattr(doctor, "default_model", missing)
    finding = examine(monkeypatch, [CPU])[CPU]
    assert finding.works
    assert "no default model" in finding.reason


def test_whatever_a_broken_build_raises_is_a_finding(monkeypatch):
    def broken(_name: str) -> None:
        raise AttributeError("no such function\nmore")

    monkeypatch.setattr(providers, "why_not", broken)
    finding = examine(monkeypatch, [CPU])[CPU]
    assert not finding.works
    assert finding.reason == "AttributeError: no such function"


def test_a_provider_of_a_remote_service_is_not_said_to_work(monkeypatch):
    finding = examine(monkeypatch, [AZURE])[AZURE]
    assert not finding.works
    assert finding.reason == "it sends requests to a remote service, and runs no model on this machine"
