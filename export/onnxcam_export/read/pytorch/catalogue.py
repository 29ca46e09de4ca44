"""Models by name, for the command line: ``torchvision:NAME``, ``timm:NAME``, ``FILE.py:FACTORY``, ``FILE.onnx``.

Each comes with what its package knows about it: input size, preprocessing, labels.
"""

from __future__ import annotations

import importlib
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from onnxcam.metadata import Preprocessing
from onnxcam_export.errors import SourceError
from onnxcam_export.read.preprocessing import torchvision_transforms
from onnxcam_export.read.pytorch.factory import from_file
from onnxcam_export.read.pytorch.weights import load_weights

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence


@dataclass(frozen=True, slots=True)
class Named:
    """A model that was given by name.

    Attributes:
        source: What ``export`` takes.
        name: The name.
        input_shape: [C, H, W], or None where the source itself says.
        preprocessing: torchvision's steps or timm's data configuration, for ``input_shape``.
        labels: Its class names, where its package says and the weights are the package's kind of weights.
    """

    source: Any
    name: str
    input_shape: tuple[int, int, int] | None = None
    preprocessing: Preprocessing | Mapping[str, Any] | None = None
    labels: tuple[str, ...] | None = None

    def preprocessing_at(self, shape: Sequence[int] | None) -> Preprocessing | Mapping[str, Any] | None:
        """The package's preprocessing, with the same share cropped away at another input size.

        Args:
            shape: [C, H, W]; None is the package's own.
        """
        steps, own = self.preprocessing, self.input_shape
        if steps is None or own is None or shape is None or tuple(shape) == own:
            return steps
        height, width = shape[-2:]
        if not isinstance(steps, Preprocessing):
            return {**steps, "input_size": tuple(shape)}
        if not isinstance(steps.resize, int):
            return replace(steps, resize=(height, width))
        crop = height if height == width else (height, width)
        return replace(steps, resize=round(steps.resize * max(height, width) / max(own[1:])), crop=crop)


def load(name: str, *, weights: Path | None = None, pretrained: bool = False, classes: int | None = None) -> Named:
    """Loads a model by name.

    Args:
        name: ``torchvision:NAME``, ``timm:NAME``, ``FILE.py:FACTORY`` or the path of an ONNX file.
        weights: A file with a state dict, or a checkpoint with one inside, read with ``weights_only=True``.
        pretrained: Let torchvision or timm download their own weights.
        classes: The number of classes to make the model for; None is the package's or factory's own.

    Raises:
        SourceError: There is no such model, it takes no number of classes, or its weights do not fit.
    """
    kind, _, rest = name.partition(":")
    makers: dict[str, Callable[[str, bool, int | None], Named]] = {"torchvision": _torchvision, "timm": _timm}
    if kind in makers and rest:
        named = makers[kind](rest, pretrained, classes)
    elif ".py:" in name:
        file, _, factory = name.rpartition(":")
        named = Named(from_file(Path(file), factory, classes), name)
    elif weights is not None or pretrained or classes is not None:
        raise SourceError(
            "--weights, --pretrained and --classes are for PyTorch models; an ONNX file has its weights inside"
        )
    else:
        return Named(name, name)
    if weights is not None:
        load_weights(named.source, weights)
    return replace(named, labels=None) if classes is not None else named


def is_random(name: str, weights: Path | None, *, pretrained: bool) -> bool:
    """Whether a model by that name would have random weights, and so nothing to explain."""
    return name.partition(":")[0] in {"torchvision", "timm"} and weights is None and not pretrained


def _torchvision(name: str, pretrained: bool, classes: int | None) -> Named:
    models = _package("torchvision.models")
    if name not in models.list_models(module=models):
        raise SourceError(f"torchvision has no classification model {name!r}; its documentation lists those it has")
    if pretrained and classes is not None:
        raise SourceError("--classes makes a new last layer, which torchvision has no weights for; give --weights FILE")
    recipe = models.get_model_weights(name).DEFAULT
    options: dict[str, Any] = {} if name not in {"googlenet", "inception_v3"} else {"init_weights": False}
    options |= {} if classes is None else {"num_classes": classes}
    model = _downloading(lambda: models.get_model(name, weights=recipe if pretrained else None, **options))
    steps = torchvision_transforms.translated(recipe.transforms(), 3)
    side = steps["crop"]
    return Named(
        model,
        f"torchvision:{name}",
        (3, side, side),
        Preprocessing(**steps),
        tuple(recipe.meta["categories"]),
    )


def _timm(name: str, pretrained: bool, classes: int | None) -> Named:
    timm = _package("timm")
    if not timm.is_model(name):
        raise SourceError(f"timm has no model {name!r}; timm.list_models() lists those it has")
    if pretrained and classes is not None:
        raise SourceError("--classes makes a new last layer, which timm has no weights for; give --weights FILE")
    options = {} if classes is None else {"num_classes": classes}
    model = _downloading(lambda: timm.create_model(name, pretrained=pretrained, **options))
    config = timm.data.resolve_data_config({}, model=model)
    channels, height, width = config["input_size"]
    return Named(model, f"timm:{name}", (channels, height, width), config)


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
