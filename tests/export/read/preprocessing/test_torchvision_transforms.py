"""Compared with torchvision's own tensors, which differ by rounding alone."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from onnxcam_export import ExportError
from onnxcam_export.read.preprocessing.given import checked_preprocessing
from support.models import declare_torchvision_operators
from support.preprocessed import by_the_runtime, image_input, photograph

declare_torchvision_operators()

from torchvision import models, transforms  # noqa: E402 — its operators are declared first
from torchvision.transforms import InterpolationMode, v2  # noqa: E402

CROP = transforms.CenterCrop(224)
STRETCH = transforms.Resize((224, 224))
NORMALIZE = transforms.Normalize((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
TENSOR = (transforms.ToTensor(), NORMALIZE)

# The transforms, the model's channels, and the grey levels by which they may differ.
CASES = {
    "the usual": (transforms.Compose([transforms.Resize(256), transforms.CenterCrop(224), *TENSOR]), 3, 0),
    "stretched": (transforms.Compose([transforms.Resize((224, 224)), *TENSOR]), 3, 0),
    "bicubic": (
        transforms.Compose([transforms.Resize(232, InterpolationMode.BICUBIC), transforms.CenterCrop(224), *TENSOR]),
        3,
        0,
    ),
    "nearest": (transforms.Compose([transforms.Resize((224, 224), InterpolationMode.NEAREST), *TENSOR]), 3, 0),
    "padded": (transforms.Compose([transforms.Resize(180), transforms.CenterCrop(224), *TENSOR]), 3, 0),
    "nested": (transforms.Compose([transforms.Compose([transforms.Resize([256])]), CROP, *TENSOR]), 3, 0),
    "a module": (
        torch.nn.Sequential(v2.Resize(256), v2.CenterCrop(224), v2.ToImage(), v2.ToDtype(torch.float32, scale=True)),
        3,
        0,
    ),
    "version 2": (
        v2.Compose([v2.ToImage(), v2.Resize(256), CROP, v2.ToDtype(torch.float32, scale=True), NORMALIZE]),
        3,
        1,
    ),
    "from 0 to 255": (
        v2.Compose([v2.Resize((224, 224)), v2.ToImage(), v2.ToDtype(torch.float32), v2.Normalize([127.0], [64.0])]),
        3,
        0,
    ),
    "converted": (
        transforms.Compose(
            [transforms.Resize((224, 224)), transforms.PILToTensor(), transforms.ConvertImageDtype(torch.float32)]
        ),
        3,
        0,
    ),
    "a resized tensor": (transforms.Compose([transforms.ToTensor(), transforms.Resize(256), CROP]), 3, 1),
    "grey": (transforms.Compose([transforms.Resize((224, 224)), transforms.Grayscale(), transforms.ToTensor()]), 1, 0),
    "grey first": (transforms.Compose([transforms.Grayscale(), STRETCH, transforms.ToTensor()]), 1, 2),
    "grey thrice": (transforms.Compose([transforms.Resize((224, 224)), transforms.Grayscale(3), *TENSOR]), 3, 0),
}  # fmt: skip


def level(transform):
    """A grey level, in units of the tensor."""
    spread = [part.std for part in getattr(transform, "transforms", ()) if type(part).__name__ == "Normalize"]
    return 1.01 / 255 / min(spread[0]) if spread else 1.01 / 255


@pytest.mark.parametrize("name", CASES)
def test_the_tensor_is_torchvisions(name):
    transform, channels, levels = CASES[name]
    picture = photograph()
    expected = transform(picture).numpy()
    got = by_the_runtime(picture, transform, image_input(channels))
    assert got.shape == expected.shape == (channels, 224, 224)
    np.testing.assert_allclose(got, expected, rtol=1e-5, atol=1e-5 + levels * level(transform))


@pytest.mark.parametrize("weights", ["ResNet50_Weights", "EfficientNet_B0_Weights", "ViT_B_16_Weights"])
def test_weights_bring_their_transforms(weights):
    transform = getattr(models, weights).DEFAULT.transforms()
    picture = photograph()
    expected = transform(picture).numpy()
    got = by_the_runtime(picture, transform, image_input(3, expected.shape[1]))
    np.testing.assert_allclose(got, expected, rtol=1e-5, atol=1e-5)


REFUSED = {
    "training": ([transforms.RandomResizedCrop(224), *TENSOR], "RandomResizedCrop.* cannot be translated"),
    "a function": ([transforms.Lambda(abs), *TENSOR], "Lambda"),
    "twice": ([transforms.Resize(256), transforms.Resize(224), *TENSOR], "after another Resize"),
    "crop first": ([transforms.CenterCrop(224), transforms.Resize(256), *TENSOR], "after another Resize, CenterCrop"),
    "normalised first": ([*TENSOR, transforms.Resize(224)], "or Normalize"),
    "cropped late": ([*TENSOR, transforms.CenterCrop(224)], "or Normalize"),
    "grey late": ([*TENSOR, transforms.Grayscale(3)], "after Normalize"),
    "grey first": (
        [transforms.Grayscale(), transforms.Resize(224, InterpolationMode.BICUBIC), *TENSOR],
        "put it before Grayscale",
    ),
    "longer side": ([transforms.Resize(224, max_size=300), *TENSOR], "it has a max_size"),
    "without smoothing": ([transforms.ToTensor(), transforms.Resize(224, antialias=False)], "on a tensor"),
    "bicubic floats": ([transforms.ToTensor(), transforms.Resize(224, InterpolationMode.BICUBIC)], "on a tensor"),
    "no tensor": ([transforms.Resize((224, 224))], r"add ToTensor\(\)"),
    "two tensors": ([transforms.ToTensor(), transforms.ToTensor()], "the transforms before it give floating-point"),
    "bytes normalised": ([transforms.PILToTensor(), NORMALIZE], "the transforms before it give pixels from 0 to 255"),
    "half": ([transforms.PILToTensor(), transforms.ConvertImageDtype(torch.int32)], "only conversions to floating"),
    "one channel": ([transforms.Resize((224, 224)), transforms.Grayscale(1), *TENSOR[:1]], "give 1 channels"),
    "another size": ([transforms.CenterCrop(192), *TENSOR], r"crop is 192, and the model takes"),
    "no crop": ([transforms.Resize(256), *TENSOR], r"has resize 256 and no crop"),
    "two means": ([transforms.Resize((224, 224)), TENSOR[0], transforms.Normalize((0.5, 0.5), (1.0, 1.0))], "mean is"),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_what_has_no_counterpart_is_refused(name):
    steps, words = REFUSED[name]
    with pytest.raises(ExportError, match=words):
        checked_preprocessing(transforms.Compose(steps), image_input())


def test_a_size_that_torchvision_leaves_open_is_noted():
    for steps, words in (([], "do not resize"), ([transforms.Resize(224)], "do not crop")):
        (note,) = checked_preprocessing(transforms.Compose([*steps, *TENSOR]), image_input()).notes
        assert words in note
