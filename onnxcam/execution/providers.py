"""Chooses execution providers that work on this machine, and says why others do not.

ONNX Runtime's GPU build lists the CUDA provider on every machine. If CUDA is missing, it prints two alarming lines and
runs on the CPU. So the libraries are loaded here first, to see whether they are there.
"""

from __future__ import annotations

import contextlib
import ctypes
import difflib
import io
import sys
from typing import TYPE_CHECKING

from onnxcam.errors import ProviderError
from onnxcam.execution.engine import onnxruntime
from onnxcam.text import shortened

if TYPE_CHECKING:
    from collections.abc import Sequence

CPU = "CPUExecutionProvider"
CUDA = "CUDAExecutionProvider"
TENSORRT = "TensorrtExecutionProvider"
# Every build for Linux and Windows lists it.
AZURE = "AzureExecutionProvider"
_SUFFIX = "ExecutionProvider"
_COMPARED = 100


def available() -> list[str]:
    """The providers that this build of ONNX Runtime contains, whether or not this machine can load them."""
    return list(onnxruntime.get_available_providers())


def choose_providers(names: Sequence[str] | None, *, strict: bool = False) -> list[list[str]]:
    """Turns the user's providers into the lists that a model is loaded with.

    Args:
        names: ``CUDAExecutionProvider`` or short ``cuda``, in order of preference: the first that works is used. None
            is CUDA if it can be loaded, and the CPU otherwise.
        strict: Whether all of the names must work.

    Returns:
        Lists of full names for ONNX Runtime, to be tried in turn until a model loads. The CPU is the last of each,
        since only the CPU runs every operator.

    Raises:
        ProviderError: A name is unknown, or none of them (with ``strict``, one of them) can be used on this machine.
    """
    if names is None:
        return [[CPU] if why_not(CUDA) else [CUDA, CPU]]
    wanted = _full_names(names)
    reasons = {name: why_not(name) for name in wanted}
    usable = [name for name in wanted if reasons[name] is None]
    if not usable or (strict and len(usable) < len(wanted)):
        refused = [name for name in wanted if reasons[name] is not None]
        raise ProviderError(f"{refused[0]} cannot be used here: {reasons[refused[0]]}")
    if strict:
        return [[*(name for name in usable if name != CPU), CPU]]
    # Providers after the CPU would never be used.
    preferred = usable[: usable.index(CPU)] if CPU in usable else usable
    plans = [[*preferred[start:], CPU] for start in range(len(preferred))]
    return [*plans, [CPU]] if CPU in usable else plans


def why_not(name: str) -> str | None:
    """The reason why a provider cannot be used on this machine; None if there is none.

    Args:
        name: Its full name.

    Returns:
        The reason, as the end of a sentence.
    """
    if name not in available():
        return f"this build of ONNX Runtime has only {', '.join(available())}"
    if name == AZURE:
        return "it sends requests to a remote service, and runs no model on this machine"
    if name in {CUDA, TENSORRT}:
        return _why_not_cuda() or (_why_not_tensorrt() if name == TENSORRT else None)
    return None


def _full_names(names: Sequence[str]) -> list[str]:
    """The full names, each once.

    Raises:
        ProviderError: There is no name, or one is unknown.
    """
    full = [_full_name(name) for name in ([names] if isinstance(names, str) else names)]
    if not full:
        raise ProviderError("the list of execution providers is empty; name one, such as 'cpu', or leave it out")
    return list(dict.fromkeys(full))


def _full_name(name: object) -> str:
    """The full name of a provider that is given in any case, with or without the suffix.

    Raises:
        ProviderError: No provider has that name.
    """
    if not isinstance(name, str):
        raise ProviderError(f"an execution provider is a name, such as 'cuda', not {shortened(repr(name))}")
    known = {provider.removesuffix(_SUFFIX).lower(): provider for provider in onnxruntime.get_all_providers()}
    short = name.lower().removesuffix(_SUFFIX.lower())
    if short in known:
        return str(known[short])
    close = difflib.get_close_matches(short[:_COMPARED], known, n=1)
    here = [provider.removesuffix(_SUFFIX).lower() for provider in available()]
    hint = f"did you mean {close[0]}?" if close else f"this build has {', '.join(here)}"
    raise ProviderError(f"there is no execution provider {shortened(repr(name))}; {hint}")


def _why_not_cuda() -> str | None:
    """Asks the driver for a device, and loads the libraries that the CUDA provider is linked against."""
    windows = sys.platform == "win32"
    try:
        driver = ctypes.CDLL("nvcuda.dll" if windows else "libcuda.so.1")
    except OSError:
        return "there is no NVIDIA driver"
    count = ctypes.c_int(0)
    if driver.cuInit(0) != 0 or driver.cuDeviceGetCount(ctypes.byref(count)) != 0 or count.value == 0:
        return "the NVIDIA driver finds no device"
    return _why_not_load(_cuda_libraries(windows=windows))


def _why_not_tensorrt() -> str | None:
    return _why_not_load(["nvinfer_10.dll" if sys.platform == "win32" else "libnvinfer.so.10"])


def _cuda_libraries(*, windows: bool) -> list[str]:
    """The CUDA libraries that the provider needs, in the version that it was built for."""
    version = str(getattr(onnxruntime, "cuda_version", "") or "12").partition(".")[0]
    if windows:
        return [f"cudart64_{version}.dll", f"cublasLt64_{version}.dll", f"cublas64_{version}.dll", "cudnn64_9.dll"]
    return [f"libcudart.so.{version}", f"libcublasLt.so.{version}", f"libcublas.so.{version}", "libcudnn.so.9"]


def _why_not_load(libraries: Sequence[str]) -> str | None:
    if hasattr(onnxruntime, "preload_dlls"):
        # This also finds the CUDA libraries that pip installed. It prints what is missing; our error says it instead.
        with contextlib.redirect_stdout(io.StringIO()):
            onnxruntime.preload_dlls()
    for library in libraries:
        try:
            ctypes.CDLL(library)
        except OSError:
            return f"{library} cannot be loaded; install CUDA and cuDNN, or 'pip install onnxruntime-gpu[cuda,cudnn]'"
    return None
