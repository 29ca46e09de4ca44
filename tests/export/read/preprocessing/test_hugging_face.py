"""Compared with a plain rewriting of the image processors' steps, as their documentation and code have them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from onnxcam_export import ExportError
from onnxcam_export.read.preprocessing.given import checked_preprocessing
from support.preprocessed import by_the_runtime, image_input, photograph

if TYPE_CHECKING:
    from PIL import Image

MEAN, STD = [0.48, 0.45, 0.4], [0.26, 0.25, 0.27]
NORMALISED = {"do_normalize": True, "image_mean": MEAN, "image_std": STD}
VIT = {
    "image_processor_type": "ViTImageProcessor",
    "size": {"height": 224, "width": 224},
    "resample": 2,
    "do_resize": True,
    "do_rescale": True,
    "rescale_factor": 1 / 255,
    **NORMALISED,
}
CLIP = {
    "image_processor_type": "CLIPImageProcessorFast",
    "size": {"shortest_edge": 224},
    "crop_size": {"height": 224, "width": 224},
    "do_center_crop": True,
    "do_convert_rgb": True,
    "resample": 3,
    **NORMALISED,
}
CONVNEXT = {"image_processor_type": "ConvNextImageProcessor", "resample": 3, **NORMALISED}


def shortest_edge(picture: Image.Image, side: int, resample: int) -> Image.Image:
    width = picture.width
    short, long = min(picture.size), max(picture.size)
    new = int(side * long / short)
    return picture.resize((side, new) if width == short else (new, side), resample)


def cropped(picture: Image.Image, height: int, width: int) -> Image.Image:
    left, top = (picture.width - width) // 2, (picture.height - height) // 2
    return picture.crop((left, top, left + width, top + height))


def normalised(picture: Image.Image, mean=MEAN, std=STD, scale=1 / 255) -> np.ndarray:
    return np.moveaxis((np.asarray(picture) * scale - np.array(mean)) / np.array(std), 2, 0)


def efficientnet(picture: Image.Image) -> np.ndarray:
    values = np.asarray(picture.resize((224, 224), 0)) / 127.5 - 1
    return np.moveaxis((values - MEAN) / STD / STD, 2, 0)


CASES = {
    "ViT": (VIT, lambda x: normalised(x.resize((224, 224), 2))),
    "ViT of old": (
        {"feature_extractor_type": "ViTFeatureExtractor", "size": 224, "resample": 2, **NORMALISED},
        lambda x: normalised(x.resize((224, 224), 2)),
    ),
    "CLIP": (CLIP, lambda x: normalised(cropped(shortest_edge(x, 224, 3), 224, 224))),
    "DeiT": (
        {**VIT, "image_processor_type": "DeiTImageProcessor", "size": {"height": 256, "width": 256}, "crop_size": 224},
        lambda x: normalised(cropped(x.resize((256, 256), 2), 224, 224)),
    ),
    "ConvNext": (
        {**CONVNEXT, "size": {"shortest_edge": 224}, "crop_pct": 0.875},
        lambda x: normalised(cropped(shortest_edge(x, 256, 3), 224, 224)),
    ),
    "large ConvNext": (
        {**CONVNEXT, "size": {"shortest_edge": 384}},
        lambda x: normalised(x.resize((384, 384), 3)),
    ),
    "MobileViT": (
        {"image_processor_type": "MobileViTImageProcessor", "size": {"shortest_edge": 256}, "crop_size": 224,
         "resample": 2},
        lambda x: normalised(cropped(shortest_edge(x, 256, 2), 224, 224), 0, 1)[::-1],
    ),
    "EfficientNet": (
        {**VIT, "image_processor_type": "EfficientNetImageProcessor", "resample": 0, "rescale_factor": 1 / 127.5,
         "rescale_offset": True},
        efficientnet,
    ),
    "without a name": (
        {key: value for key, value in VIT.items() if key != "image_processor_type"},
        lambda x: normalised(x.resize((224, 224), 2)),
    ),
    "not rescaled": ({**VIT, "do_rescale": False}, lambda x: normalised(x.resize((224, 224), 2), scale=1)),
    "not normalised": ({**VIT, "do_normalize": False}, lambda x: normalised(x.resize((224, 224), 2), 0, 1)),
    "not resized": ({**VIT, "do_resize": False}, lambda x: normalised(x.resize((224, 224), 2))),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_the_tensor_is_the_processors(name):
    config, reference = CASES[name]
    picture = photograph(360, 260) if name != "not resized" else photograph(224, 224)
    expected = reference(picture)
    got = by_the_runtime(picture, config, image_input(3, expected.shape[1]))
    np.testing.assert_allclose(got, expected, rtol=1e-4, atol=1e-4)


def test_crops_are_rounded_differently_and_it_is_said():
    (note,) = checked_preprocessing(CLIP, image_input()).notes
    assert "it can lie one pixel further" in note
    assert checked_preprocessing(VIT, image_input()).notes == ()


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"image_processor_type": "DonutImageProcessor"}, "image_processor_type is 'DonutImageProcessor', whose steps"),
        ({"do_pad": True}, "do_pad is True, a step that has no counterpart"),
        ({"size": {"longest_edge": 224}}, "size is {'longest_edge': 224}, which is neither height and width nor"),
        ({"size": None}, "size is None"),
        ({"size": {"height": "large", "width": 224}}, r"size is \('large', 224\); give"),
        ({"crop_size": {"height": 224}}, "crop_size is {'height': 224}, which is not height and width"),
        ({"crop_pct": 0.9}, "crop_pct is 0.9, which without"),
        ({"resample": None}, "resample is None, and without it the filter is not known"),
        ({"resample": 5}, "interpolation is 'hamming'; give one of"),
        ({"image_mean": None}, "image_mean is None, and this processor normalises"),
        ({"image_std": 0.5}, "image_std is 0.5; give one number for each of the model's 3 channels"),
        ({"rescale_factor": 0}, "scale is 0, which makes every image alike"),
        (
            {"size": {"height": 192, "width": 192}},
            r"has resize \(192, 192\) and no crop, and the model takes 224 x 224",
        ),
    ],
)
def test_mistakes(more, words):
    with pytest.raises(ExportError, match=words):
        checked_preprocessing({**VIT, **more}, image_input())


@pytest.mark.parametrize("more", [{"size": {"height": 224, "width": 224}}, {"size": 224, "crop_pct": "most"}])
def test_mistakes_of_convnext(more):
    with pytest.raises(ExportError, match=r"where ConvNext has a shortest_edge|crop_pct is None|crop_pct is 'most'"):
        checked_preprocessing({**CONVNEXT, **more}, image_input())
