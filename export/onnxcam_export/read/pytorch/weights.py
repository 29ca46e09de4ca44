"""A file of weights, put into a module; whatever does not fit is said with its remedy."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from onnxcam.text import listed, shortened
from onnxcam_export.errors import SourceError

if TYPE_CHECKING:
    from pathlib import Path

# Where trainers put the state dict in a checkpoint, those first that are taken if there are several.
_WRAPPERS = ("model_state_dict", "state_dict", "model")
# The prefix that is taken if several have all weights, as beside a moving average of them.
_FIRST = ("model.", "module.")
_START = 64  # bytes
# Batch normalisation's, which checkpoints of old do not have and answers do not depend on.
_COUNTER = "num_batches_tracked"


def load_weights(model: Any, file: Path) -> None:
    """Loads a state dict, or a checkpoint that has one inside, by ``torch.save`` or safetensors; no code in it runs.

    Raises:
        SourceError: The file cannot be read, or its weights are not this module's.
    """
    try:
        state = _unwrapped(_read(file), file)
        own = model.state_dict()
        state = _without_prefixes(state, own)
        _check_fits(state, own, file)
        model.load_state_dict(state)
    except FileNotFoundError as error:
        raise SourceError(f"the weights {file} do not exist") from error
    except SourceError:
        raise
    except Exception as error:  # torch's readers raise whatever comes
        raise SourceError(f"the weights {file} do not fit the model: {_reason(error)}") from error


def _reason(error: Exception) -> str:
    if "weights_only" in str(error) or "Weights only" in str(error):
        return (
            "the file holds Python objects, such as a whole module, and is not loaded, since they could run code; save "
            "model.state_dict()"
        )
    return (
        f"the file cannot be read as a state dict ({shortened(' '.join(str(error).split()))}); save model.state_dict()"
    )


def _read(file: Path) -> Any:
    if file.suffix == ".safetensors":
        try:
            from safetensors.torch import load_file  # noqa: PLC0415 — a package of its own, for such files alone
        except ImportError as error:
            raise SourceError(f"safetensors is not installed, and {file} needs it; install it with pip") from error
        return load_file(file)
    _check_is_binary(file)
    import torch

    return torch.load(file, map_location="cpu", weights_only=True)


def _check_is_binary(file: Path) -> None:
    """Refuses what is downloaded in place of weights.

    Raises:
        SourceError: The file is empty, a page, or git-lfs's pointer to the weights.
    """
    with file.open("rb") as opened:
        start = opened.read(_START).lstrip().lower()
    if not start:
        raise SourceError(f"the weights {file} are an empty file; download or save them again")
    if start.startswith(b"version https://git-lfs"):
        raise SourceError(
            f"the weights {file} are git-lfs's pointer to the real file; run 'git lfs pull' in its folder"
        )
    if start.startswith((b"<!doctype", b"<html", b"<?xml")):
        raise SourceError(f"the weights {file} are a web page, perhaps an error's; download them again")


def _unwrapped(content: Any, file: Path) -> Mapping[str, Any]:
    """The state dict in a checkpoint: under a usual key, or the only mapping of names to tensors."""
    if isinstance(content, Mapping):
        usual = [content[name] for name in _WRAPPERS if isinstance(content.get(name), Mapping)]
        if usual:
            return _unwrapped(usual[0], file)
        if _has_tensors(content):
            return {str(name): value for name, value in content.items() if hasattr(value, "shape")}
        inside = [value for value in content.values() if isinstance(value, Mapping) and _has_tensors(value)]
        if len(inside) == 1:
            return _unwrapped(inside[0], file)
    raise SourceError(f"the weights {file} do not fit the model: the file {_found(content)}; save model.state_dict()")


def _found(content: Any) -> str:
    if not isinstance(content, Mapping):
        return "is no mapping, and no state dict is in it"
    if not content:
        return "has an empty mapping"
    inside = sum(isinstance(value, Mapping) and _has_tensors(value) for value in content.values())
    count = f"{inside} state dicts are" if inside else "no state dict is"
    return f"has the keys {listed(map(str, content), 8)}, and {count} in it"


def _has_tensors(mapping: Mapping[Any, Any]) -> bool:
    return any(hasattr(value, "shape") for value in mapping.values())


def _without_prefixes(state: Mapping[str, Any], own: Mapping[str, Any]) -> Mapping[str, Any]:
    """The weights by the module's own names: those that begin with the prefix under which the file has most of them.

    A wrapper that was trained puts a prefix before every name, and a trainer has more beside them: the weights of a
    loss, or a copy of the model. If several prefixes have as many, it is a usual one, or none.
    """
    counts = Counter(name[:at] for name in state for at in _starts(name) if name[at:] in own)
    most = max(counts.values(), default=0)
    best = [prefix for prefix in counts if counts[prefix] == most]
    usual = [prefix for prefix in ("", *_FIRST) if prefix in best]
    if not usual and len(best) != 1:
        return state
    prefix = (usual or best)[0]
    return {name[len(prefix) :]: value for name, value in state.items() if name.startswith(prefix)}


def _starts(name: str) -> list[int]:
    """Where the parts of a dotted name begin."""
    return [0, *(index + 1 for index, letter in enumerate(name) if letter == ".")]


def _check_fits(state: Mapping[str, Any], own: Mapping[str, Any], file: Path) -> None:
    differing = [name for name in own if name in state and state[name].shape != own[name].shape]
    if differing:
        there, here = (list(one[differing[0]].shape) for one in (state, own))
        raise SourceError(
            f"the weights {file} do not fit the model: {shortened(differing[0])} is {there} in the file and {here} in "
            f"the model; make the model as it was trained, {_remedy(differing, state, own)}"
        )
    missing, unknown = (sorted(one.keys() - other.keys()) for one, other in ((own, state), (state, own)))
    missing = [name for name in missing if not name.endswith(_COUNTER)]
    if missing or unknown:
        lacks = f"lacks {listed(missing, 3)}" if missing else ""
        has = f"has {listed(unknown, 3)}, which the model does not have" if unknown else ""
        raise SourceError(
            f"the weights {file} do not fit the model: the file {' and '.join(filter(None, (lacks, has)))}; give those "
            "of the same architecture"
        )


def _remedy(differing: list[str], state: Mapping[str, Any], own: Mapping[str, Any]) -> str:
    """The number of classes if only a last layer's rows differ."""
    rows = {state[name].shape[0] for name in differing if state[name].ndim}
    alike = all(state[name].shape[1:] == own[name].shape[1:] for name in differing)
    return f"with --classes {rows.pop()}" if len(differing) <= 2 and alike and len(rows) == 1 else "with its arguments"
