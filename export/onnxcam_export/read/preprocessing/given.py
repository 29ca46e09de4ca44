"""Reads the ``preprocessing`` of an export in any of its forms, and checks it against the model."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from onnxcam.metadata import Preprocessing
from onnxcam.text import shown
from onnxcam_export.errors import ExportError
from onnxcam_export.read.preprocessing import hugging_face, timm_config, torchvision_transforms
from onnxcam_export.read.preprocessing.customary import assumed_note, customary, takes_images, takes_integers
from onnxcam_export.read.preprocessing.fields import LISTED, check_names, checked
from onnxcam_export.read.preprocessing.sizes import check_sizes, fitted, pads
from onnxcam_export.read.text_files import is_there, parse_json, read_text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from onnxcam.metadata import ImageInput

Given = Preprocessing | Mapping[str, Any] | str | os.PathLike[str] | Any


@dataclass(frozen=True, slots=True)
class CheckedPreprocessing:
    """How an image becomes the input.

    Attributes:
        steps: None if the model takes no images.
        notes: Remarks for the report.
    """

    steps: Preprocessing | None
    notes: tuple[str, ...] = ()


def checked_preprocessing(given: Given | None, image: ImageInput) -> CheckedPreprocessing:
    """Checks the preprocessing against the model, after translating it if it is another library's.

    Args:
        given: A ``Preprocessing`` or its fields; torchvision's or timm's transforms; timm's data configuration; Hugging
            Face's image processor or its configuration; the path of a JSON file with the fields or such a
            configuration; None takes the customary values.
        image: The model's input.

    Raises:
        ExportError: It is none of these, or does not fit the model. The message names field, value and remedy.
    """
    if given is None:
        return CheckedPreprocessing(customary(image) if takes_images(image) else None, (assumed_note(image),))
    if not image.is_picture:
        raise ExportError(f"the preprocessing is of images, and the model takes a {image.kind}; leave it out")
    fields, notes = _fields(given, image)
    steps = checked(fields, image)
    check_sizes(steps, image)
    return CheckedPreprocessing(steps, (*notes, *_doubts(steps, image)))


def _fields(given: Given, image: ImageInput) -> tuple[dict[str, Any], list[str]]:
    """A value for each field, and notes."""
    if isinstance(given, (str, os.PathLike)):
        given = _from_file(given)
    if isinstance(given, Preprocessing):
        return {field.name: getattr(given, field.name) for field in dataclasses.fields(given)}, []
    if torchvision_transforms.is_transform(given):
        return _fitted(torchvision_transforms.translated(given, image.channels), image)
    if type(given).__module__.startswith(("transformers.", "timm.")) and hasattr(given, "to_dict"):
        given = given.to_dict()
    if not isinstance(given, Mapping):
        raise ExportError(
            f"the preprocessing is a {type(given).__name__}; give a mapping with the fields {LISTED}, torchvision's "
            "transforms, timm's data configuration, or Hugging Face's preprocessor configuration"
        )
    if hugging_face.is_config(given):
        fields, notes = _fitted(hugging_face.translated(given, image.channels), image)
        return fields, [*notes, *([hugging_face.CROP_NOTE] if hugging_face.may_crop_elsewhere(fields) else [])]
    if timm_config.is_config(given):
        return timm_config.translated(given), []
    return _own(given, image)


def _fitted(fields: Mapping[str, Any], image: ImageInput) -> tuple[dict[str, Any], list[str]]:
    fields, note = fitted(fields, image)
    return fields, [note] if note else []


def _own(given: Mapping[str, Any], image: ImageInput) -> tuple[dict[str, Any], list[str]]:
    """The user's fields, and the customary mean, std, scale, filter and channel order where they are missing."""
    if not given:
        raise ExportError(f"the preprocessing has no fields; leave it out, or give {LISTED}")
    check_names(given)
    usual = customary(image)
    fields = {field.name: getattr(usual, field.name) for field in dataclasses.fields(usual)}
    missing = [name for name in ("mean", "std") if name not in given]
    values = "ImageNet's" if usual.mean != (0.0,) * image.channels else f"{usual.mean[0]:.0f} and {usual.std[0]:.0f}"
    note = f"the preprocessing has no {' and no '.join(missing)}, so the customary values were taken: {values}"
    fields |= {"resize": None, "crop": None, "assumed": False, **given}
    return fields, [note] if missing else []


def _from_file(path: str | os.PathLike[str]) -> Mapping[str, Any]:
    file = Path(path)
    if isinstance(path, str) and not is_there(file):
        raise ExportError(
            f"the preprocessing is the text {shown(path)}, and there is no such file; give a mapping with the fields "
            f"{LISTED}, or the path of a JSON file"
        )
    fields = parse_json(read_text(file), file)
    if not isinstance(fields, dict):
        raise ExportError(f"{file} does not hold a JSON object with the preprocessing's fields, {LISTED}")
    return fields


def _doubts(steps: Preprocessing, image: ImageInput) -> Iterator[str]:
    """Notes on values that are possible and unlikely."""
    centre, spread = max(map(abs, steps.mean)), max(map(abs, steps.std))
    white = 255 * abs(steps.scale)
    if white <= 2 and max(centre, spread) > 3:
        yield (
            f"mean {steps.mean} and std {steps.std} look like those of pixels from 0 to 255, but the pixels are "
            f"multiplied by scale {steps.scale:.4g} first; give scale=1.0 if so"
        )
    if white > 100 and 0 < centre <= 1 and spread <= 1:
        yield (
            f"mean {steps.mean} and std {steps.std} look like those of pixels from 0 to 1, but with scale "
            f"{steps.scale:.4g} the pixels go up to {white:.0f}; give scale=1/255 if so"
        )
    if takes_integers(image) and white / spread < 16:
        yield f"the input holds whole numbers ({image.dtype}), and this preprocessing leaves fewer than 16 of them"
    if pads(steps):
        yield f"resize {steps.resize} can be smaller than crop {steps.crop}, and black then surrounds the image"
