import re

import pytest

from onnxcam.errors import ModelError, ProviderError
from onnxcam.execution import session as session_module
from onnxcam.execution.providers import CPU
from onnxcam.execution.session import open_session
from onnxcam.metadata import Layer


def test_a_path_a_string_and_bytes(data):
    path = data / "toy.onnx"
    for model in (path, str(path), path.read_bytes()):
        assert open_session(model)[1].classes == 4


def test_the_default_model_is_opened_where_none_is_named(monkeypatch, data):
    monkeypatch.setattr("onnxcam.execution.session.default_model", lambda: data / "toy.onnx")
    assert open_session()[1].classes == 4


@pytest.mark.parametrize(("platform", "loaded"), [("linux", 1), ("win32", 0), ("darwin", 0)])
def test_the_c_library_is_asked_for_its_memory_on_linux_alone(monkeypatch, platform, loaded):
    """Windows has no library without a name, and raises TypeError; GNU's may be another, without the function."""
    asked = []
    monkeypatch.setattr(session_module.ctypes, "CDLL", lambda name: asked.append(name) or object())
    monkeypatch.setattr(session_module.sys, "platform", platform)
    session_module._return_free_memory()
    assert len(asked) == loaded


def test_what_is_not_onnx_runtimes_passes_through(data, monkeypatch):
    """As an alarm's handler raises it while the model is loading."""

    def alarm(*_: object, **__: object) -> None:
        raise TimeoutError("alarm")

    monkeypatch.setattr(session_module.onnxruntime, "InferenceSession", alarm)
    with pytest.raises(TimeoutError, match=r"^alarm$"):
        open_session(data / "toy.onnx")


def test_files_that_are_no_model(tmp_path, data):
    (tmp_path / "empty.onnx").touch()
    (tmp_path / "text.onnx").write_text("not a model")
    whole = (data / "toy.onnx").read_bytes()
    (tmp_path / "truncated.onnx").write_bytes(whole[: len(whole) // 2])
    for name, words in {
        "missing.onnx": "there is no model",
        "empty.onnx": "is empty",
        "text.onnx": "is not a model that ONNX Runtime can load",
        "truncated.onnx": "is not a model that ONNX Runtime can load",
        ".": "is a folder, not an ONNX model",
    }.items():
        with pytest.raises(ModelError, match=words) as caught:
            open_session(tmp_path / name)
        assert "\n" not in str(caught.value)
        assert "ONNXRuntimeError" not in str(caught.value)
    with pytest.raises(ModelError, match="the model is empty"):
        open_session(b"")


def test_a_model_that_is_no_explainer(rewritten):
    with pytest.raises(ModelError, match="not an explainer model; make one of it with 'onnxcam export'"):
        open_session(rewritten("pooled"))


def test_a_schema_from_the_future(future):
    with pytest.raises(ModelError, match=r"schema 99, and this onnxcam reads up to 2; upgrade it"):
        open_session(future)


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"schema": 1}', '{"schema": "x"}', '{"schema": 1, "image": 3}'])
def test_damaged_metadata(rewritten, text):
    with pytest.raises(ModelError, match="metadata is damaged"):
        open_session(rewritten("pooled", text))


@pytest.mark.parametrize("position", [0, 50, -1])
def test_metadata_that_are_no_text(rewritten, pooled, position):
    entry = bytearray(pooled.metadata.to_json().encode())
    entry[position] = 0xFF
    with pytest.raises(ModelError, match="holds text that is not UTF-8"):
        open_session(rewritten("pooled", bytes(entry)))


def test_metadata_that_promise_what_the_graph_lacks(rewritten):
    layers = (Layer("features", "features", (4, 8, 8)), Layer("more", "more", (4, 8, 8)))
    with pytest.raises(ModelError, match=r"lacks onnxcam.activations/more, onnxcam.gradients/more"):
        open_session(rewritten("pooled", layers=layers))


def test_threads(data):
    session, _ = open_session(data / "toy.onnx", threads=1)
    assert session.get_session_options().intra_op_num_threads == 1
    with pytest.raises(ProviderError, match="threads must be at least 1, not 0"):
        open_session(data / "toy.onnx", threads=0)


def test_a_quota_sets_the_threads(data, monkeypatch):
    monkeypatch.setattr(session_module, "threads_for_quota", lambda: 2)
    assert open_session(data / "toy.onnx")[0].get_session_options().intra_op_num_threads == 2
    assert open_session(data / "toy.onnx", threads=1)[0].get_session_options().intra_op_num_threads == 1
    monkeypatch.setattr(session_module, "threads_for_quota", lambda: None)
    assert session_module._options(None).intra_op_num_threads == 0  # ONNX Runtime's own choice


def test_a_provider_that_fails_at_load_is_said_and_not_replaced(data, monkeypatch):
    """ONNX Runtime by itself would print the error and go on with the CPU."""
    real = session_module.onnxruntime.InferenceSession

    def failing(source, options, *, providers, enable_fallback=1):
        if enable_fallback:
            return real(source, options, providers=["CPUExecutionProvider"])
        if providers == [CPU]:
            return real(source, options, providers=providers)
        fail = session_module.onnxruntime.capi.onnxruntime_pybind11_state.Fail
        raise fail(f"[ONNXRuntimeError] : 1 : FAIL : no memory on {providers[0]}\nmany\nlines")

    monkeypatch.setattr(session_module.onnxruntime, "InferenceSession", failing)
    monkeypatch.setattr("onnxcam.execution.providers.why_not", lambda _name: None)
    with pytest.raises(ProviderError, match=r"does not load with CUDAExecutionProvider: no memory on CUDA\w+$"):
        open_session(data / "toy.onnx", providers=["cuda"])
    with pytest.raises(ProviderError, match="does not load with CUDAExecutionProvider"):
        open_session(data / "toy.onnx", providers=["cuda", "cpu"], strict=True)
    assert open_session(data / "toy.onnx", providers=["cuda", "cpu"])[0].get_providers() == [CPU]


def test_a_provider_that_quietly_does_not_start_is_said(data, monkeypatch):
    monkeypatch.setattr(session_module, "choose_providers", lambda *_, **__: [[CPU, "CUDAExecutionProvider"]])
    real = session_module.onnxruntime.InferenceSession
    monkeypatch.setattr(
        session_module.onnxruntime,
        "InferenceSession",
        lambda source, options, **_: real(source, options, providers=[CPU]),
    )
    with pytest.raises(ProviderError, match="CUDAExecutionProvider could not be started"):
        open_session(data / "toy.onnx")


def test_loading_prints_nothing(data, rewritten, capfd):
    open_session(data / "pooled.onnx")
    with pytest.raises(ModelError):
        open_session(rewritten("pooled"))
    with pytest.raises(ModelError):
        open_session(b"not a model")
    assert capfd.readouterr() == ("", "")


def test_names_that_are_not_utf8_are_one_error(data):
    """ONNX Runtime's message quotes some of them, and then cannot be decoded."""
    content = (data / "toy.onnx").read_bytes()
    places = [match.start() for match in re.finditer(rb"conv1", content)]
    assert places
    for place in places:
        with pytest.raises(ModelError):
            open_session(content[:place] + b"\x83" + content[place + 1 :])
