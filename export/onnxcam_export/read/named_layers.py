"""The target layers that a user asks for: by name, by a name of their own, or as the PyTorch modules themselves."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from onnxcam.text import shown
from onnxcam_export.errors import TargetLayerError
from onnxcam_export.read.pytorch.modules import unwrapped

Given = str | Iterable[str | Any] | Mapping[str, str | Any] | Any


def named_layers(given: Given | None, source: Any) -> dict[str, str]:
    """The layers' own names by those that they go by.

    Args:
        given: A layer, several, or a mapping from names to layers. A layer is a name or a module of the source.
        source: The model.

    Raises:
        TargetLayerError: A layer is neither, or its module is not in the source.
    """
    if given is None:
        return {}
    if isinstance(given, Mapping):
        return {str(name): _name(layer, source) for name, layer in given.items()}
    one = isinstance(given, str) or _is_module(given) or not isinstance(given, Iterable)
    names = [_name(layer, source) for layer in ([given] if one else given)]
    return dict(zip(names, names, strict=True))


def _name(layer: Any, source: Any) -> str:
    if isinstance(layer, str):
        return layer
    if not _is_module(layer):
        raise TargetLayerError(
            f"a layer is a name or a PyTorch module, not {shown(layer)}; give names such as 'layer4'"
        )
    root = unwrapped(source)
    named = root.named_modules() if _is_module(root) else ()
    for name, module in named:
        if module is layer and name:
            return str(name)
    raise TargetLayerError(
        f"the layer of class {type(layer).__name__} is no module inside the source; give one of this very model, or a "
        "name such as 'layer4'"
    )


def _is_module(value: Any) -> bool:
    """Whether it is a ``torch.nn.Module``, found without importing torch."""
    return hasattr(value, "named_modules")
