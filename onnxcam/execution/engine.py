"""Imports ONNX Runtime, with a readable error if that fails, and recognises its exceptions."""

from __future__ import annotations

import importlib
import traceback
from typing import Any

from onnxcam.errors import ProviderError
from onnxcam.text import shortened

# The built-in exceptions that its extension raises. Others that pass through it are raised by signal handlers.
_ALSO_ITS_OWN = {RuntimeError, ValueError, TypeError, MemoryError, UnicodeDecodeError}


def first_line(error: Exception) -> str:
    """The first line of ONNX Runtime's message, without its error code; the other lines are its call stack."""
    line = str(error).strip().partition("\n")[0] or type(error).__name__
    return shortened(line.split(" : ", 3)[-1] if line.startswith("[ONNXRuntimeError]") else line)


def is_its_own(error: Exception) -> bool:
    """Whether ONNX Runtime itself raised an error that came out of one of its functions.

    Its exceptions have no common base, and an alarm or another thread may have raised something during the call.
    """
    if type(error).__module__.startswith("onnxruntime"):
        return True
    frames = [frame for frame, _ in traceback.walk_tb(error.__traceback__)]
    return type(error) in _ALSO_ITS_OWN and frames[-1].f_globals.get("__name__", "").startswith("onnxruntime")


def _imported() -> Any:
    """Imports the package ``onnxruntime``, of any distribution.

    Raises:
        ProviderError: It is not installed, or broken.
    """
    try:
        module = importlib.import_module("onnxruntime")
    except ModuleNotFoundError as error:
        if error.name == "onnxruntime":
            raise ProviderError(
                "ONNX Runtime is not installed; install it with pip install 'onnxcam[gpu]' for NVIDIA and CUDA, or "
                "with pip install 'onnxcam[cpu]'"
            ) from error
        raise _broken(error) from error
    except Exception as error:  # a library that is missing, or made for another machine: OSError, ImportError, …
        raise _broken(error) from error
    # If two distributions were installed and one was uninstalled, an empty package is left, which can be imported.
    if not hasattr(module, "InferenceSession") or not hasattr(module, "get_available_providers"):
        raise _broken("it lacks most of its files")
    return module


def _broken(reason: object) -> ProviderError:
    return ProviderError(
        f"the installed ONNX Runtime is broken: {shortened(str(reason))}; uninstall onnxruntime and "
        "onnxruntime-gpu, then install one of them"
    )


onnxruntime = _imported()
