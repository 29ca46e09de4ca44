import pytest

from onnxcam.errors import ProviderError
from onnxcam.execution import providers
from onnxcam.execution.providers import AZURE, CPU, CUDA, choose_providers


@pytest.fixture
def with_cuda(monkeypatch):
    """A machine where CUDA can be loaded."""
    monkeypatch.setattr(providers, "available", lambda: ["TensorrtExecutionProvider", CUDA, CPU])
    monkeypatch.setattr(providers, "_why_not_cuda", lambda: None)


@pytest.fixture
def without_cuda(monkeypatch):
    """A machine with ONNX Runtime's GPU build and no driver."""
    monkeypatch.setattr(providers, "available", lambda: ["TensorrtExecutionProvider", CUDA, CPU])
    monkeypatch.setattr(providers.ctypes, "CDLL", _no_library)


def _no_library(name: str) -> None:
    raise OSError(name)


@pytest.mark.usefixtures("with_cuda")
def test_cuda_is_taken_where_it_loads():
    assert choose_providers(None) == [[CUDA, CPU]]
    assert choose_providers(["cuda"]) == [[CUDA, CPU]]
    assert choose_providers(["cpu"]) == [[CPU]]


@pytest.mark.usefixtures("with_cuda")
def test_the_first_that_works_is_meant():
    assert choose_providers(["cuda", "cpu"]) == [[CUDA, CPU], [CPU]]
    assert choose_providers(["cpu", "cuda"]) == [[CPU]]
    assert choose_providers(["cuda", "CUDA"]) == [[CUDA, CPU]]
    assert choose_providers(["cuda", "cpu"], strict=True) == [[CUDA, CPU]]


@pytest.mark.usefixtures("without_cuda")
def test_cuda_is_not_even_asked_for_where_it_does_not_load():
    assert choose_providers(None) == [[CPU]]
    assert choose_providers(["cuda", "cpu"]) == [[CPU]]
    assert choose_providers(["tensorrt", "cuda", "cpu"]) == [[CPU]]
    with pytest.raises(ProviderError, match="CUDAExecutionProvider cannot be used here: there is no NVIDIA driver"):
        choose_providers(["cuda", "cpu"], strict=True)
    with pytest.raises(ProviderError, match="CUDAExecutionProvider cannot be used here: there is no NVIDIA driver"):
        choose_providers(["cuda"])


@pytest.mark.parametrize("name", ["cpu", "CPU", "CPUExecutionProvider", "cpuexecutionprovider"])
def test_names_are_long_or_short_in_any_case(name):
    assert choose_providers([name]) == choose_providers(name) == [[CPU]]


def test_unknown_names():
    with pytest.raises(ProviderError, match="no execution provider 'cdua'; did you mean cuda"):
        choose_providers(["cdua"])
    with pytest.raises(ProviderError, match=r"no execution provider 'xyz'; this build has .*cpu"):
        choose_providers(["xyz"])


@pytest.mark.parametrize(
    ("names", "words"),
    [
        ([], "the list of execution providers is empty; name one"),
        ([5], "an execution provider is a name, such as 'cuda', not 5"),
        ([("cuda", {})], "not ('cuda', {})"),
        (["x" * 10**6], "no execution provider 'xxxx"),
        (["\x1b[2J"], r"no execution provider '\x1b[2J'"),
    ],
)
def test_names_that_are_none(names, words):
    with pytest.raises(ProviderError) as caught:
        choose_providers(names)
    assert words in str(caught.value)
    assert len(str(caught.value)) < 500


def test_a_provider_that_runs_no_models(monkeypatch):
    monkeypatch.setattr(providers, "available", lambda: [AZURE, CPU])
    with pytest.raises(ProviderError, match="cannot be used here: it sends requests to a remote service"):
        choose_providers(["azure"])


def test_a_provider_that_this_build_lacks(monkeypatch):
    monkeypatch.setattr(providers, "available", lambda: [CPU])
    with pytest.raises(ProviderError, match="this build of ONNX Runtime has only CPUExecutionProvider"):
        choose_providers(["cuda"])


class Driver:
    """A driver library that answers as told."""

    def __init__(self, status: int, devices: int) -> None:
        self.status, self.devices = status, devices

    def cuInit(self, _flags: int) -> int:  # noqa: N802  the driver's own name
        return self.status

    def cuDeviceGetCount(self, count) -> int:  # noqa: N802  the driver's own name
        count._obj.value = self.devices
        return 0


@pytest.mark.parametrize(("status", "devices"), [(100, 1), (0, 0)])
def test_a_driver_without_a_device(monkeypatch, status, devices):
    monkeypatch.setattr(providers, "available", lambda: [CUDA, CPU])
    monkeypatch.setattr(providers.ctypes, "CDLL", lambda _name: Driver(status, devices))
    assert providers.why_not(CUDA) == "the NVIDIA driver finds no device"


def test_a_device_without_libraries(monkeypatch, capsys):
    def load(name: str) -> Driver:
        if "cuda.so.1" in name or name == "nvcuda.dll":
            return Driver(0, 1)
        raise OSError(name)

    monkeypatch.setattr(providers, "available", lambda: [CUDA, CPU])
    monkeypatch.setattr(providers.ctypes, "CDLL", load)
    monkeypatch.setattr(providers.onnxruntime, "preload_dlls", lambda: print("alarming"), raising=False)  # noqa: T201
    assert "cudart" in providers.why_not(CUDA)
    assert capsys.readouterr().out == ""
