"""Models by name, for the command line: ``torchvision:NAME``, ``timm:NAME``, ``FILE.py:FACTORY``, ``FILE.onnx``.

Each comes with what its package knows about it: input size, preprocessing, labels.
"""

from __future__ import annotations

import importlib
import importlib.util
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from onnxcam.metadata import Interpolation, Preprocessing
from onnxcam_export.errors import SourceError

if TYPE_CHECKING:
    from collections.abc import Callable

_FILTERS: tuple[Interpolation, ...] = ("nearest", "bilinear", "bicubic", "lanczos", "box")


@dataclass(frozen=True, slots=True)
class Named:
    """A model that was given by name.

    Attributes:
        source: What ``export`` takes.
        name: The name.
        input_shape: [C, H, W], or None where the source itself says.
        preprocessing: How its images are made, where its package says.
        labels: Its class names, where its package says and the weights are the package's kind of weights.
    """

    source: Any
    name: str
    input_shape: tuple[int, int, int] | None = None
    preprocessing: Preprocessing | None = None
    labels: tuple[str, ...] | None = None


def load(name: str, *, weights: Path | None = None, pretrained: bool = False) -> Named:
    """Loads a model by name.

    Args:
        name: ``torchvision:NAME``, ``timm:NAME``, ``FILE.py:FACTORY`` or the path of an ONNX file.
        weights: A file with a state dict, read with ``weights_only=True``.
        pretrained: Let torchvision or timm download their own weights.

    Raises:
        SourceError: There is no such model, or its weights do not fit.
    """
    kind, _, rest = name.partition(":")
    makers: dict[str, Callable[[str, bool], Named]] = {"torchvision": _torchvision, "timm": _timm}
    if kind in makers and rest:
        named = makers[kind](rest, pretrained)
    elif ".py:" in name:
        file, _, factory = name.rpartition(":")
        named = Named(_from_file(Path(file), factory), name)
    elif weights is not None or pretrained:
        raise SourceError("--weights and --pretrained are for PyTorch models; an ONNX file has its weights inside")
    else:
        return Named(name, name)
    if weights is not None:
        _load_weights(named.source, weights)
    return named


def is_random(name: str, weights: Path | None, *, pretrained: bool) -> bool:
    """Whether a model by that name would have random weights, and so nothing to explain."""
    return name.partition(":")[0] in {"torchvision", "timm"} and weights is None and not pretrained


def _torchvision(name: str, pretrained: bool) -> Named:
    models = _package("torchvision.models")
    if name not in models.list_models(module=models):
        raise SourceError(f"torchvision has no classification model {name!r}; its documentation lists those it has")
    recipe = models.get_model_weights(name).DEFAULT
    options = {} if name not in {"googlenet", "inception_v3"} else {"init_weights": False}
    model = _downloading(lambda: models.get_model(name, weights=recipe if pretrained else None, **options))
    transform = recipe.transforms()
    (crop,) = transform.crop_size
    (resize,) = transform.resize_size
    return Named(
        model,
        f"torchvision:{name}",
        (3, crop, crop),
        Preprocessing(
            resize,
            crop,
            _filter(transform.interpolation.value),
            mean=tuple(transform.mean),
            std=tuple(transform.std),
        ),
        tuple(recipe.meta["categories"]),
    )


def _timm(name: str, pretrained: bool) -> Named:
    timm = _package("timm")
    if not timm.is_model(name):
        raise SourceError(f"timm has no model {name!r}; timm.list_models() lists those it has")
    model = _downloading(lambda: timm.create_model(name, pretrained=pretrained))
    config = timm.data.resolve_data_config({}, model=model)
    channels, height, width = config["input_size"]
    return Named(
        model,
        f"timm:{name}",
        (channels, height, width),
        Preprocessing(
            int(height / config["crop_pct"]) if height == width else (height, width),
            height if height == width else None,
            _filter(config["interpolation"]),
            mean=tuple(config["mean"]),
            std=tuple(config["std"]),
        ),
    )


def _filter(name: str) -> Interpolation:
    """The interpolation of that name, or the customary one where Pillow has none such."""
    return next((known for known in _FILTERS if known == name), "bilinear")


def _package(name: str) -> Any:
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise SourceError(f"{name.partition('.')[0]} is not installed; install it with pip") from error
    except RuntimeError as error:
        raise SourceError(
            f"{name.partition('.')[0]} cannot be imported beside this PyTorch ({error}); "
            "install the release that belongs to it"
        ) from error


def _downloading(make: Callable[[], Any]) -> Any:
    try:
        return make()
    except OSError as error:
        raise SourceError(f"the weights cannot be downloaded ({error}); give a file with --weights") from error


def _from_file(file: Path, factory: str) -> Any:
    """What the factory in a Python file returns; the file is run."""
    if not file.is_file():
        raise SourceError(f"{file} does not exist; give FILE.py:FACTORY, FACTORY being a function without arguments")
    spec = importlib.util.spec_from_file_location(file.stem, file)
    assert spec is not None  # noqa: S101 — a .py file has one
    assert spec.loader is not None  # noqa: S101 — the same
    module = importlib.util.module_from_spec(spec)
    sys.modules[file.stem] = module
    try:
        spec.loader.exec_module(module)
        return getattr(module, factory)()
    except Exception as error:
        raise SourceError(f"{file}:{factory} failed with {type(error).__name__}: {error}") from error


def _load_weights(model: Any, file: Path) -> None:
    import torch

    try:
        state = torch.load(file, map_location="cpu", weights_only=True)
        state = state.get("state_dict", state.get("model", state))
        model.load_state_dict({key.removeprefix("module."): value for key, value in state.items()})
    except FileNotFoundError as error:
        raise SourceError(f"the weights {file} do not exist") from error
    except Exception as error:
        reason = " ".join(str(error).split())[:300]
        raise SourceError(f"the weights {file} do not fit the model: {reason}") from error
