"""What a module returns, as PyTorch's exporter takes it: tensors alone, by their names."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

from onnxcam_export.errors import SourceError

if TYPE_CHECKING:
    from collections.abc import Iterator


def tensors_alone(output: Any) -> Any:
    """The output as it is, if it holds tensors alone; else a dict of its tensors, without texts, numbers and None.

    Their names are those that ``score_output`` has for them: keys, indices, and a dataclass's fields.

    Raises:
        SourceError: It holds no tensor.
    """
    from torch.utils import _pytree

    found = {".".join(path) or "0": leaf for path, leaf in _leaves(output, _pytree)}
    tensors = {name: leaf for name, leaf in found.items() if _is_tensor(leaf)}
    if not tensors:
        raise SourceError("the module returns no tensor; return the scores from forward()")
    all_tensors = len(tensors) == len(found) and all(map(_is_tensor, _pytree.tree_leaves(output)))
    return output if all_tensors else tensors


def key_of(entry: Any) -> str:
    """A dict's key, a tuple's index or a field's name, as a part of an output's name."""
    return str(getattr(entry, "key", getattr(entry, "idx", getattr(entry, "name", entry))))


def _leaves(output: Any, pytree: Any) -> Iterator[tuple[tuple[str, ...], Any]]:
    for entries, leaf in pytree.tree_flatten_with_path(output)[0]:
        path = tuple(map(key_of, entries))
        if dataclasses.is_dataclass(leaf) and not isinstance(leaf, type):
            for field in dataclasses.fields(leaf):
                inner = _leaves(getattr(leaf, field.name, None), pytree)
                yield from (((*path, field.name, *rest), item) for rest, item in inner)
        else:
            yield path, leaf


def _is_tensor(leaf: Any) -> bool:
    return hasattr(leaf, "shape") and hasattr(leaf, "requires_grad")
