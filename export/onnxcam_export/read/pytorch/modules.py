"""PyTorch modules before they are captured: wrappers taken off, and refused what no exporter of PyTorch takes."""

from __future__ import annotations

from typing import Any

from onnxcam_export.errors import SourceError

# Where wrappers keep the module: of several devices, and of torch.compile.
_INSIDE = {"DataParallel": "module", "DistributedDataParallel": "module", "OptimizedModule": "_orig_mod"}
_QUANTISED = ("torch.ao.nn.quantized", "torch.ao.nn.intrinsic.quantized", "torch.ao.nn.sparse.quantized")


def unwrapped(source: Any) -> Any:
    """The module without wrappers that compute the same; whatever else is as it was."""
    while hasattr(source, "named_modules") and type(source).__name__ in _INSIDE:
        source = getattr(source, _INSIDE[type(source).__name__])
    return source


def check_module(module: Any) -> None:
    """Refuses modules that cannot be captured, before anything looks at them.

    Raises:
        SourceError: A part is a ScriptModule or quantised, or weights have no shape, no values, or NaN.
    """
    for name, part in module.named_modules():
        _check_kind(f"the module {name!r}" if name else "the module", part)
    for name, tensor in (*module.named_parameters(), *module.named_buffers()):
        _check_values(name, tensor)


def _check_kind(where: str, part: Any) -> None:
    classes = type(part).__mro__
    if any(each.__name__ == "ScriptModule" and each.__module__.startswith("torch.jit") for each in classes):
        raise SourceError(
            f"{where} was made by torch.jit.trace or torch.jit.script, which is not supported; give the module that it "
            "was made of, or an ONNX file"
        )
    if any(each.__module__.startswith(_QUANTISED) for each in classes):
        raise SourceError(
            f"{where} is quantised by torch.ao ({type(part).__name__}), which is not supported; give the module before "
            "it was quantised, or an ONNX file in the QDQ format"
        )


def _check_values(name: str, tensor: Any) -> None:
    if type(tensor).__name__ in {"UninitializedParameter", "UninitializedBuffer"}:
        raise SourceError(
            f"the weight {name!r} has no shape yet, since its lazy module has not run; call the module once with an "
            "input first"
        )
    if tensor.device.type == "meta":
        raise SourceError(
            f"the weight {name!r} is on the device meta and has no values; load the weights with "
            "module.to_empty(device='cpu') and module.load_state_dict first"
        )
    # Other buffers may mark with NaN what is not there.
    is_weight = tensor.requires_grad or name.rpartition(".")[2] in {"weight", "bias", "running_mean", "running_var"}
    if is_weight and tensor.is_floating_point() and bool(tensor.isnan().any()):
        raise SourceError(f"the weight {name!r} holds NaN, and so would the scores; give weights without NaN")
