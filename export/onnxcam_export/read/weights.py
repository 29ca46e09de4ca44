"""A file of weights, put into a module; whatever does not fit is said with its remedy."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from onnxcam.text import listed, shortened
from onnxcam_export.errors import SourceError

if TYPE_CHECKING:
    from pathlib import Path

# Where trainers put the state dict in a checkpoint, and what wrappers write before its names.
_WRAPPERS = ("model_state_dict", "state_dict", "model")
_PREFIXES = ("module.", "_orig_mod.", "model.")
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
    import torch

    return torch.load(file, map_location="cpu", weights_only=True)


def _unwrapped(content: Any, file: Path) -> Mapping[str, Any]:
    """The state dict in a checkpoint."""
    for name in _WRAPPERS:
        if isinstance(content, Mapping) and isinstance(content.get(name), Mapping):
            return _unwrapped(content[name], file)
    if not isinstance(content, Mapping) or not any(hasattr(value, "shape") for value in content.values()):
        found = f"has the keys {listed(map(str, content), 8)}" if isinstance(content, Mapping) else "is no mapping"
        raise SourceError(
            f"the weights {file} do not fit the model: the file {found}, and no state dict is in it; save "
            "model.state_dict()"
        )
    return {str(name): value for name, value in content.items() if hasattr(value, "shape")}


def _without_prefixes(state: Mapping[str, Any], own: Mapping[str, Any]) -> dict[str, Any]:
    """The weights by the module's own names: a wrapper that was trained puts a prefix before every one."""
    names = dict(state)
    for _ in _PREFIXES:
        for prefix in _PREFIXES:
            if names.keys().isdisjoint(own) and all(name.startswith(prefix) for name in names):
                names = {name.removeprefix(prefix): value for name, value in names.items()}
    return names


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
