"""Running models in ONNX Runtime, of whatever flavour is installed.

The flavours (onnxruntime, onnxruntime-gpu and others) are distributions of one module, so none is a dependency. Where
none is usable, the import of anything in this package says what to do.
"""

from onnxcam.errors import ProviderError

try:
    import onnxruntime
except ModuleNotFoundError as error:
    if error.name != "onnxruntime":
        raise
    raise ProviderError(
        "ONNX Runtime is not installed; install it with pip install 'onnxcam[gpu]' for NVIDIA and CUDA, or with "
        "pip install 'onnxcam[cpu]'"
    ) from None
except ImportError as error:
    raise ProviderError(f"ONNX Runtime cannot be loaded: {error}; install it again, or another version") from error

if not hasattr(onnxruntime, "InferenceSession"):
    raise ProviderError(
        "ONNX Runtime is incomplete, as after one of two flavours was removed; install one again with "
        "pip install --force-reinstall onnxruntime (or onnxruntime-gpu)"
    )
