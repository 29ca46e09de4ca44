"""Compared with the transforms that timm itself makes of a configuration."""

from __future__ import annotations

import numpy as np
import pytest

from onnxcam_export import ExportError
from onnxcam_export.read.preprocessing.given import checked_preprocessing
from support.models import declare_torchvision_operators
from support.preprocessed import by_the_runtime, image_input, photograph

declare_torchvision_operators()

import timm  # noqa: E402 — torchvision's operators are declared first

CONFIG = {"input_size": (3, 160, 160), "interpolation": "bicubic", "mean": (0.5,) * 3, "std": (0.5,) * 3}


@pytest.mark.parametrize(
    "more",
    [
        {"crop_pct": 0.95, "crop_mode": "center"},
        {"crop_pct": 1.0, "crop_mode": "center", "interpolation": "bilinear"},
        {"crop_pct": 0.9, "crop_mode": "squash"},
        {"input_size": (3, 160, 192), "crop_pct": 0.875, "crop_mode": "squash"},
    ],
)
def test_the_tensor_is_timms(more):
    config = {**CONFIG, **more}
    picture = photograph()
    expected = timm.data.create_transform(**config, is_training=False)(picture).numpy()
    got = by_the_runtime(picture, config, image_input(3, *config["input_size"][1:]))
    np.testing.assert_allclose(got, expected, rtol=1e-5, atol=1e-5)


def test_a_models_own_configuration():
    model = timm.create_model("test_resnet", pretrained=False)
    picture = photograph()
    config = timm.data.resolve_data_config({}, model=model)
    transform = timm.data.create_transform(**config, is_training=False)
    expected = transform(picture).numpy()
    for given in (config, model.pretrained_cfg, transform, timm.data.resolve_model_data_config(model)):
        got = by_the_runtime(picture, given, image_input(3, 160))
        np.testing.assert_allclose(got, expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"crop_mode": "border"}, "crop_mode is 'border', which at 160 x 160 has no counterpart"),
        ({"input_size": (3, 160, 192)}, "crop_mode is 'center', which at 160 x 192 has no counterpart"),
        ({"input_size": (160, 160)}, r"input_size is \(160, 160\); timm's has channels, height and width"),
        ({"interpolation": "random"}, "interpolation is 'random'; give one of nearest"),
        ({"crop_pct": "all"}, "crop_pct is 'all'; give numbers"),
        ({"crop_pct": 0}, "crop_pct is 0.0; timm's is a share such as 0.875"),
        ({"mean": 0.5}, "mean is 0.5; give one number for each of the model's 3 channels"),
        ({"input_size": (3, 224, 224)}, "crop is 224, and the model takes 160 x 160"),
    ],
)
def test_mistakes(more, words):
    with pytest.raises(ExportError, match=words):
        checked_preprocessing({**CONFIG, **more}, image_input(3, 160))


def test_what_is_missing_has_timms_defaults():
    steps = checked_preprocessing({"input_size": (3, 224, 224), "mean": None}, image_input()).steps
    assert (steps.resize, steps.crop, steps.interpolation) == (256, 224, "bicubic")
    assert steps.mean == (0.485, 0.456, 0.406)
