"""ONNX Runtime: imported, or in a sentence why it cannot be; and which errors are its own."""

from __future__ import annotations

import importlib
import traceback
from typing import Any

from onnxcam.errors import ProviderError
from onnxcam.text import shortened

# What its extension raises where it has no class of its own. Others that come out of it are a signal handler's.
_ALSO_ITS_OWN = {RuntimeError, ValueError, TypeError, MemoryError, UnicodeDecodeError}


def first_line(error: Exception) -> str:
    """What ONNX Runtime says first, without its error code; the rest is its own call stack."""
    line = str(error).strip().partition("\n")[0] or type(error).__name__
    return shortened(line.split(" : ", 3)[-1] if line.startswith("[ONNXRuntimeError]") else line)


def is_its_own(error: Exception) -> bool:
    """Whether ONNX Runtime raised an error that came out of a call of it.

    Its classes have no common base. And an alarm or another thread may have raised something while it was at work.
    """
    if type(error).__module__.startswith("onnxruntime"):
        return True
    frames = [frame for frame, _ in traceback.walk_tb(error.__traceback__)]
    return type(error) in _ALSO_ITS_OWN and frames[-1].f_globals.get("__name__", "").startswith("onnxruntime")


def _imported() -> Any:
    """The package, whichever of its distributions brought it.

    Raises:
        ProviderError: There is none, or what there is does not work.
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
    except Exception as error:  # a library that is missing or of another machine raises OSError, ImportError, …
        raise _broken(error) from error
    # What is left of one distribution after another was uninstalled can be imported, and has nothing in it.
    if not hasattr(module, "InferenceSession") or not hasattr(module, "get_available_providers"):
        raise _broken("it lacks most of its files")
    return module


def _broken(reason: object) -> ProviderError:
    return ProviderError(
        f"the installed ONNX Runtime is broken: {shortened(str(reason))}; uninstall onnxruntime and "
        "onnxruntime-gpu, then install one of them"
    )


onnxruntime = _imported()
