"""Where the objects are: boxes from a JSON file, or masks from a folder, placed on the model's input."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import numpy as np
import numpy.typing as npt
from msgspec import Meta
from PIL import Image

from onnxcam.errors import EvaluationError, PictureError
from onnxcam.photograph.opening import open_picture
from onnxcam.photograph.reading import reason
from onnxcam.strict_json import InvalidJsonError, decoded
from onnxcam.text import shortened

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from onnxcam.photograph.geometry import Geometry

    Region = npt.NDArray[np.bool_]
    # From an image's (width, height), and its position in the model's input, to where its objects are in the latter.
    Place = Callable[[tuple[int, int], Geometry], Region]

# From this grey level on, a pixel of a mask is white.
_WHITE = 128

Pixels = Annotated[float, Meta(ge=-1e6, le=1e6)]
Corners = tuple[Pixels, Pixels, Pixels, Pixels]


@dataclass(frozen=True, slots=True)
class Objects:
    """The objects of one image.

    Attributes:
        boxes: (left, top, right, bottom) of each, in pixels of the upright image.
        label: The class that they show, by its label or index, which is then explained; None explains the top class.
    """

    boxes: tuple[Corners, ...]
    label: Annotated[str, Meta(max_length=10_000)] | Annotated[int, Meta(ge=0, le=2**24)] | None = None


def read_boxes(path: Path) -> dict[str, Objects]:
    """Reads a JSON file: ``{"dog.jpg": {"boxes": [[left, top, right, bottom], …], "label": "boxer"}, …}``.

    Args:
        path: The file; the label may be left out, or be the class's index.

    Returns:
        The objects by the names of the images' files.

    Raises:
        EvaluationError: The file cannot be read, or is no such JSON.
    """
    try:
        return decoded(path.read_bytes(), dict[str, Objects])
    except OSError as error:
        raise EvaluationError(f"cannot read the boxes {path}: {reason(error)}") from error
    except InvalidJsonError as error:
        raise EvaluationError(
            f"the boxes {path} are not as they should be ({shortened(str(error))}); an entry is "
            '"dog.jpg": {"boxes": [[left, top, right, bottom]], "label": "boxer"}'
        ) from error


def region_of_boxes(size: tuple[int, int], placed: Geometry, *, boxes: Sequence[Corners]) -> Region:
    """The pixels of the model's input whose centres lie in a box.

    Args:
        size: The image's (width, height).
        placed: How the image was resized and cropped.
        boxes: In pixels of the image.

    Returns:
        [H, W]; nothing if the boxes lie outside the crop.
    """
    across, down = (after / before for after, before in zip(placed.resized, size, strict=True))
    left, top = placed.crop[:2]
    width, height = placed.size
    x, y = (np.arange(width) + 0.5 + left) / across, (np.arange(height) + 0.5 + top) / down
    region = np.zeros((height, width), bool)
    for x0, y0, x1, y1 in boxes:
        region |= ((y0 <= y) & (y < y1))[:, None] & ((x0 <= x) & (x < x1))
    return region


def find_mask(folder: Path, image: Path) -> Path | None:
    """The mask of an image: the file of its name in a folder, with any ending, PNG first; None if there is none."""
    same = sorted(path for path in folder.glob("*") if path.stem == image.stem and path.is_file())
    return next((path for path in same if path.suffix.lower() == ".png"), same[0] if same else None)


def region_of_mask(size: tuple[int, int], placed: Geometry, *, path: Path) -> Region:
    """The pixels of the model's input where a mask is white.

    Args:
        size: The image's (width, height).
        placed: How the image was resized and cropped.
        path: A picture of the image's size.

    Returns:
        [H, W].

    Raises:
        PictureError: It is no picture, or of another size.
    """
    grey = open_picture(path).image.convert("L")
    if grey.size != size:
        raise PictureError(
            f"the mask {path} is {grey.size[0]} by {grey.size[1]} pixels; make it {size[0]} by {size[1]} as the image"
        )
    seen = grey.resize(placed.resized, Image.Resampling.BOX).crop(placed.crop)
    return np.asarray(seen) >= _WHITE


def check_masks(folder: Path) -> None:
    """Checks a folder.

    Raises:
        EvaluationError: There is none.
    """
    if not folder.is_dir():
        raise EvaluationError(f"there is no folder of masks {folder}")
