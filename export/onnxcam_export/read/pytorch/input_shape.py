"""The shape of a module's input: the user's, or the one that the module states."""

from __future__ import annotations

import inspect
import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from onnxcam.text import listed, shown
from onnxcam_export.errors import ShapeError
from onnxcam_export.read.preprocessing.fields import is_side

if TYPE_CHECKING:
    from collections.abc import Iterator

Shape = tuple[int, ...]

_USUAL_SIDE = 224
# By the number of places.
_AXES = {
    1: ("channels", "length"),
    2: ("channels", "height", "width"),
    3: ("channels", "depth", "height", "width"),
}
# The most values that metadata allows an image.
_MOST_VALUES = 2**28


def module_shape(module: Any, given: Any) -> tuple[Shape, str | None]:
    """[C, H, W], or a signal's or volume's shape; and a note for the report if nobody said it.

    Args:
        module: A ``torch.nn.Module``.
        given: The user's ``input_shape``, with or without the batch, or None.

    Raises:
        ShapeError: The shape has another form.
    """
    axes = _AXES[_places(module)]
    if given is not None:
        sizes = check_shape(given)
        if not len(axes) <= len(sizes) <= len(axes) + 1:
            example = with_channels(module, sizes)
            raise ShapeError(
                f"input_shape (--input-size) is {shown(given)}, and this module needs {' x '.join(axes)}; give "
                f"{example}, or {'x'.join(map(str, example))} on the command line; if the module's input has other "
                "axes than its first convolution, give a tensor with example_inputs in Python"
            )
        return sizes[-len(axes) :], None
    stated = stated_shape(module)
    if stated is not None:
        return stated, None
    if len(axes) != len(_AXES[2]):
        raise ShapeError(f"the module takes {' x '.join(axes)}, whose sizes it does not state; give input_shape")
    usual = with_channels(module, (_USUAL_SIDE,))
    return usual, (
        f"the module states no input size, so {' x '.join(map(str, usual))} was taken; give input_shape "
        "(--input-size) if it was trained at another"
    )


def module_inputs(module: Any, given: Any, examples: Any = None) -> tuple[dict[str, Any], str | None]:
    """A module's inputs by the names of its arguments, and a note for the report as in ``module_shape``.

    Args:
        module: A ``torch.nn.Module``.
        given: A shape; or, of a module with several inputs, a mapping of its arguments to shapes with the batch.
        examples: Tensors for its arguments, in order or by name; then ``given`` must be None.

    Returns:
        A shape without the batch or a tensor for each input. A single shape has no name.

    Raises:
        ShapeError: A shape or the examples have another form, or the module has no such argument.
    """
    if examples is None and not isinstance(given, Mapping):
        _require_one_argument(module)
        shape, note = module_shape(module, given)
        return {"": shape}, note
    if examples is not None and given is not None:
        raise ShapeError("example_inputs and input_shape were both given; tensors have shapes, so leave the second out")
    arguments = list(inspect.signature(module.forward).parameters)
    if examples is None:
        named = {name: _without_batch(name, shape) for name, shape in given.items()}
    elif isinstance(examples, Mapping):
        named = dict(examples)
    else:
        several = list(examples) if isinstance(examples, (list, tuple)) else [examples]
        named = dict(zip(arguments, several, strict=False))
    unknown = [name for name in named if name not in arguments]
    if unknown or not named:
        raise ShapeError(f"the module has no argument {listed(map(shown, unknown))}; it has {listed(arguments)}")
    tensors = [hasattr(value, "shape") and hasattr(value, "dtype") for value in named.values()]
    if examples is not None and not all(tensors):
        raise ShapeError("example_inputs must be tensors, one for each argument of the module, or a mapping of them")
    return {name: named[name] for name in arguments if name in named}, None


def _require_one_argument(module: Any) -> None:
    """Refuses a module that cannot be called with one tensor.

    Raises:
        ShapeError: It has several arguments without defaults.
    """
    parameters = inspect.signature(module.forward).parameters.values()
    ordinary = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    needed = [item.name for item in parameters if item.kind in ordinary and item.default is inspect.Parameter.empty]
    if len(needed) > 1:
        raise ShapeError(
            f"the module has several arguments without defaults, {listed(needed)}; give input_shape as a mapping of "
            "them to shapes, or example_inputs"
        )


def _without_batch(name: str, shape: Any) -> Shape:
    sizes = list(shape) if isinstance(shape, Sequence) and not isinstance(shape, (str, bytes)) else [shape]
    if len(sizes) < 2 or not all(map(is_side, sizes)) or math.prod(sizes[1:]) > _MOST_VALUES:
        raise ShapeError(
            f"input_shape[{name!r}] is {shown(shape)}; give whole numbers, the batch first, such as (1, 3, 224, 224)"
        )
    return tuple(int(size) for size in sizes[1:])


def stated_shape(module: Any) -> Shape | None:
    """[C, H, W] as timm or Hugging Face note it on their models, also on one inside a wrapper; else None."""
    return next((shape for part in module.modules() for shape in _stated(part)), None)


def with_channels(module: Any, sizes: Shape) -> Shape:
    """A whole shape, of the sizes of the places alone; a single size is that of each of them."""
    places = (sizes * 3)[-_places(module) :]
    return (_channels(module), *places)


def _channels(module: Any) -> int:
    """The channels that the module states, or else those of its first convolution that can take images.

    A head may be made before the stem, so a convolution of 1 or 3 channels is preferred to one of more.
    """
    stated = stated_shape(module)
    if stated is not None:
        return stated[0]
    found = [part.in_channels for part in module.modules() if _is_convolution(part)]
    return next((count for count in found if count in {1, 3}), found[0] if found else 3)


def check_shape(given: Any) -> Shape:
    """The sizes as whole numbers.

    Raises:
        ShapeError: They are none, too many, or too large.
    """
    sizes = list(given) if isinstance(given, Sequence) and not isinstance(given, (str, bytes)) else [given]
    # The first of four or five may be the batch, which takes no part in the limit.
    if not 1 <= len(sizes) <= 5 or not all(map(is_side, sizes)) or math.prod(sizes[-3:]) > _MOST_VALUES:
        raise ShapeError(
            f"input_shape (--input-size) is {shown(given)}; give channels, height and width in whole numbers, such as "
            f"(3, 224, 224), together at most {_MOST_VALUES} values"
        )
    return tuple(int(size) for size in sizes)


def _places(module: Any) -> int:
    """1 for a signal, 2 for an image, 3 for a volume, as the first convolution has them."""
    return next((part.weight.ndim - 2 for part in module.modules() if _is_convolution(part)), 2)


def _is_convolution(part: Any) -> bool:
    has_channels = is_side(getattr(part, "in_channels", None)) and is_side(getattr(part, "out_channels", None))
    return has_channels and getattr(getattr(part, "weight", None), "ndim", 0) - 2 in _AXES


def _stated(part: Any) -> Iterator[Shape]:
    for name in ("pretrained_cfg", "default_cfg"):
        config = getattr(part, name, None)
        size = config.get("input_size") if isinstance(config, Mapping) else getattr(config, "input_size", None)
        if isinstance(size, (tuple, list)) and len(size) == 3 and all(map(is_side, size)):
            yield tuple(size)
    config = getattr(part, "config", None)
    size = getattr(config, "image_size", None)
    sides = [size, size] if is_side(size) else size
    if isinstance(sides, (tuple, list)) and len(sides) == 2 and all(map(is_side, sides)):
        yield getattr(config, "num_channels", 3), *sides
