"""Each field's type and range, by what an export makes of it."""

from __future__ import annotations

import math

import numpy as np
import pytest

from onnxcam_export import ExportError
from onnxcam_export.read.preprocessing.fields import FIELDS
from onnxcam_export.read.preprocessing.given import checked_preprocessing
from support.preprocessed import image_input

USUAL = {"resize": 18, "crop": 16, "mean": (0.5,) * 3, "std": (0.5,) * 3}


def refused(more, channels=3, size=16):
    with pytest.raises(ExportError) as error:
        checked_preprocessing({**USUAL, **more}, image_input(channels, size))
    message = str(error.value)
    assert message.startswith(f"the preprocessing's {next(iter(more))} is ")
    assert "\n" not in message
    return message


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"resize": -1}, "resize is -1; give the shorter side in pixels, a whole number from 1, or (height, width)"),
        ({"resize": 18.0}, "resize is 18.0; give the shorter side"),
        ({"resize": True}, "resize is True; give"),
        ({"resize": {"a": 1}}, "resize is {'a': 1}; give"),
        ({"resize": [16, 16, 3]}, "resize is [16, 16, 3]; give"),
        ({"resize": 10**9}, "resize is 1000000000, and the model takes 16 x 16 (height x width); give resize=18 and"),
        ({"resize": 10**400}, "resize is 1000"),
        ({"crop": 0}, "crop is 0; give the side of a square in pixels, a whole number from 1, or (height, width)"),
        ({"crop": 17}, "crop is 17, and the model takes 16 x 16 (height x width); give crop=16, or"),
        ({"std": [0, 0, 0]}, "std is [0, 0, 0], which makes every image alike; give numbers that are not 0"),
        ({"std": "abc"}, "std is 'abc'; give one number for each of the model's 3 channels"),
        ({"std": ["a", "b", "c"]}, "std is ['a', 'b', 'c']; give numbers between -1000000 and 1000000"),
        ({"mean": [math.nan] * 3}, "mean is [nan, nan, nan]; give numbers between"),
        (
            {"mean": [0.5, 0.5]},
            "mean is [0.5, 0.5], 2 values; give one number for each of the model's",
        ),
        ({"mean": [True] * 3}, "mean is [True, True, True]; give numbers"),
        ({"mean": [10**400] * 3}, "give numbers"),
        ({"scale": math.inf}, "scale is inf; give numbers"),
        ({"scale": 0}, "scale is 0, which makes every image alike"),
        ({"interpolation": "area"}, "interpolation is 'area'; give one of nearest, bilinear, bicubic, lanczos, box"),
        ({"interpolation": "lanczos5"}, "interpolation is 'lanczos5' (did you mean 'lanczos'?); give one of"),
        ({"interpolation": "Bilinear"}, "(did you mean 'bilinear'?)"),
        ({"interpolation": ["bicubic"]}, "interpolation is ['bicubic']"),
        ({"interpolation": True}, "interpolation is True"),
        ({"channel_order": "HSV"}, "channel_order is 'HSV'; give one of RGB, BGR, L"),
        ({"channel_order": "rgb"}, "channel_order is 'rgb' (did you mean 'RGB'?); give one of"),
        ({"channel_order": None}, "channel_order is None; give one of"),
    ],
)
def test_a_wrong_value(more, words):
    assert words in refused(more)


@pytest.mark.parametrize(
    ("more", "channels", "words"),
    [
        ({"mean": (0.5,) * 3}, 1, "mean is (0.5, 0.5, 0.5), 3 values; give one number in a list"),
        ({"channel_order": "BGR", "mean": [0.5], "std": [1]}, 1, "channel_order is 'BGR', and the model takes one"),
        ({"channel_order": "RGB", "mean": [0.5] * 4, "std": [1] * 4}, 4, "channel_order is 'RGB', and the model"),
    ],
)  # fmt: skip
def test_a_value_that_does_not_fit_the_channels(more, channels, words):
    assert words in refused(more, channels)


def test_all_forms_of_a_value():
    given = {
        "resize": [np.int64(16), 20],
        "crop": None,
        "interpolation": 3,
        "scale": np.float32(1),
        "mean": np.zeros(3),
        "std": [1, 2, 3],
        "channel_order": "BGR",
        "letterbox": None,
    }
    assert tuple(given) == FIELDS
    steps = checked_preprocessing(given, image_input(3, 16, 20)).steps
    assert (steps.resize, steps.crop, steps.interpolation, steps.scale) == ((16, 20), None, "bicubic", 1.0)
    assert (steps.mean, steps.std, steps.channel_order) == ((0.0,) * 3, (1.0, 2.0, 3.0), "BGR")


@pytest.mark.parametrize(
    ("name", "hint"),
    [("size", "'size' (did you mean 'resize'?)"), ("stdev", "(did you mean 'std'?)"), ("q", "'q'; its"), (3, "3; its")],
)
def test_an_unknown_field(name, hint):
    with pytest.raises(ExportError) as error:
        checked_preprocessing({**USUAL, name: 1}, image_input(3, 16))
    assert "the preprocessing has an unknown field: " in str(error.value)
    assert hint in str(error.value)
    assert "its fields are resize, crop, interpolation, scale, mean, std, channel_order and letterbox" in str(
        error.value
    )


def test_a_letterbox():
    given = {"crop": 16, "letterbox": 114, "mean": [0.0] * 3, "std": [1.0] * 3}
    steps = checked_preprocessing(given, image_input(3, 16)).steps
    assert (steps.resize, steps.crop, steps.letterbox) == (None, 16, 114)
    for wrong in (256, -1, 1.5, True, "grey"):
        with pytest.raises(ExportError, match=r"letterbox is .*; give the grey level around the image, a whole number"):
            checked_preprocessing({**given, "letterbox": wrong}, image_input(3, 16))
    for sizes in ({"resize": 16}, {"crop": None}, {"resize": 16, "crop": None}):
        with pytest.raises(ExportError, match="letterbox is 114; give crop=16 and no resize with it, since the whole"):
            checked_preprocessing({**given, **sizes}, image_input(3, 16))
