"""Execution providers: which of them this machine can really use, and why not the others.

ONNX Runtime's GPU build lists the CUDA provider on every machine. Asked for it where CUDA is missing, it prints two
alarming lines and silently runs on the CPU. So the libraries are tried here first, by loading them.
"""

from __future__ import annotations

import contextlib
import ctypes
import difflib
import io
import sys
from typing import TYPE_CHECKING

import onnxruntime

from onnxcam.errors import ProviderError

if TYPE_CHECKING:
    from collections.abc import Sequence

CPU = "CPUExecutionProvider"
CUDA = "CUDAExecutionProvider"
TENSORRT = "TensorrtExecutionProvider"
_SUFFIX = "ExecutionProvider"


def available() -> list[str]:
    """The providers that this build of ONNX Runtime contains, whether or not this machine can load them."""
    return list(onnxruntime.get_available_providers())


def choose_providers(names: Sequence[str] | None) -> list[str]:
    """Turns what the user asked for into provider names for ONNX Runtime.

    Args:
        names: ``CUDAExecutionProvider`` or short ``cuda``, in order of preference; None is CUDA where it can be
            loaded, then the CPU.

    Returns:
        Full names. The CPU always comes last, since it alone runs every operator.

    Raises:
        ProviderError: A name is unknown, not in this build, or cannot be loaded on this machine.
    """
    if names is None:
        return [CPU] if why_not(CUDA) else [CUDA, CPU]
    chosen = [_full_name(name) for name in ([names] if isinstance(names, str) else names)]
    for name in chosen:
        reason = why_not(name)
        if reason:
            raise ProviderError(f"{name} cannot be used here: {reason}")
    return [*(name for name in chosen if name != CPU), CPU]


def why_not(name: str) -> str | None:
    """Why a provider cannot be used on this machine, or None where nothing speaks against it.

    Args:
        name: Its full name.

    Returns:
        The reason, as the end of a sentence.
    """
    if name not in available():
        return f"this build of ONNX Runtime has only {', '.join(available())}"
    if name in {CUDA, TENSORRT}:
        return _why_not_cuda() or (_why_not_tensorrt() if name == TENSORRT else None)
    return None


def _full_name(name: str) -> str:
    """The provider that the user means, whatever the case and with or without the suffix.

    Raises:
        ProviderError: There is none of that name.
    """
    known = {provider.removesuffix(_SUFFIX).lower(): provider for provider in onnxruntime.get_all_providers()}
    short = name.lower().removesuffix(_SUFFIX.lower())
    if short in known:
        return str(known[short])
    here = [provider.removesuffix(_SUFFIX).lower() for provider in available()]
    close = difflib.get_close_matches(short, known, n=1)
    hint = f"did you mean {close[0]}?" if close else f"this build has {', '.join(here)}"
    raise ProviderError(f"there is no execution provider {name!r}; {hint}")


def _why_not_cuda() -> str | None:
    """Asks the driver for a device, and loads what the CUDA provider is linked against."""
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
    """The CUDA libraries without which the provider cannot start, in the version that it was built for."""
    version = str(getattr(onnxruntime, "cuda_version", "") or "12").partition(".")[0]
    if windows:
        return [f"cudart64_{version}.dll", f"cublasLt64_{version}.dll", f"cublas64_{version}.dll", "cudnn64_9.dll"]
    return [f"libcudart.so.{version}", f"libcublasLt.so.{version}", f"libcublas.so.{version}", "libcudnn.so.9"]


def _why_not_load(libraries: Sequence[str]) -> str | None:
    if hasattr(onnxruntime, "preload_dlls"):
        # Also finds the CUDA libraries that pip installed. It prints what it misses, which we say in our own words.
        with contextlib.redirect_stdout(io.StringIO()):
            onnxruntime.preload_dlls()
    for library in libraries:
        try:
            ctypes.CDLL(library)
        except OSError:
            return f"{library} cannot be loaded; install CUDA and cuDNN, or 'pip install onnxruntime-gpu[cuda,cudnn]'"
    return None
