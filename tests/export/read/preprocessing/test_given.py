from __future__ import annotations

import json
from dataclasses import asdict

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from onnxcam.metadata import ImageInput, Preprocessing
from onnxcam_export import ExportError
from onnxcam_export.read.preprocessing.fields import FIELDS
from onnxcam_export.read.preprocessing.given import checked_preprocessing
from support.preprocessed import by_steps, image_input, photograph

OWN = Preprocessing(20, 16, "bicubic", 1.0, (127.0,) * 3, (128.0,) * 3, "BGR")


def test_the_forms_of_ones_own(tmp_path):
    (tmp_path / "p.json").write_text(json.dumps(asdict(OWN)), encoding="utf-8-sig")
    for form in (OWN, asdict(OWN), tmp_path / "p.json", str(tmp_path / "p.json")):
        assert checked_preprocessing(form, image_input(3, 16)).steps == OWN


def test_a_configuration_in_a_file(tmp_path):
    config = {"do_resize": True, "size": {"height": 16, "width": 16}, "resample": 2, "do_normalize": False}
    (tmp_path / "preprocessor_config.json").write_text(json.dumps(config))
    steps = checked_preprocessing(tmp_path / "preprocessor_config.json", image_input(3, 16)).steps
    assert (steps.resize, steps.crop, steps.mean) == ((16, 16), None, (0.0,) * 3)


@pytest.mark.parametrize(
    ("form", "words"),
    [
        ({}, "the preprocessing has no fields; leave it out, or give resize, crop"),
        ("imagenet", "the preprocessing is the text 'imagenet', and there is no such file; give a mapping with"),
        ("n" * 5000, "there is no such file"),
        (3, "the preprocessing is a int; give a mapping with the fields resize"),
        ([1, 2], "the preprocessing is a list; give a mapping"),
        (
            {"mean": [0.5] * 3, "std": [0.5] * 3},
            "has no resize and no crop, and the model takes 16 x 16 (height x width); give resize=18 ",
        ),
        ({"resize": 18}, "has resize 18 and no crop"),
        ({"resize": (12, 16)}, "has resize (12, 16) and no crop"),
    ],
)  # fmt: skip
def test_mistakes(form, words):
    with pytest.raises(ExportError) as error:
        checked_preprocessing(form, image_input(3, 16))
    assert words in str(error.value)
    assert "\n" not in str(error.value)
    assert len(str(error.value)) < 400


def test_a_signal_has_no_preprocessing():
    with pytest.raises(ExportError, match="the preprocessing is of images, and the model takes a signal; leave it out"):
        checked_preprocessing(asdict(OWN), ImageInput("x", "NCL", 3, 1, 50))


@pytest.mark.parametrize(("content", "words"), [("[1]", "does not hold a JSON object"), ("{", "is not JSON")])
def test_files_that_are_none(tmp_path, content, words):
    (tmp_path / "p.json").write_text(content)
    with pytest.raises(ExportError, match=words):
        checked_preprocessing(tmp_path / "p.json", image_input(3, 16))


def notes(image=None, **fields):
    return " ".join(checked_preprocessing({"resize": 18, "crop": 16, **fields}, image or image_input(3, 16)).notes)


def test_values_of_the_wrong_range_are_noted():
    assert "look like those of pixels from 0 to 255" in notes(mean=[123.675, 116.28, 103.53], std=[58.4, 57.1, 57.4])
    assert "look like those of pixels from 0 to 1, " in notes(mean=[0.5] * 3, std=[0.5] * 3, scale=1.0)
    for fine in (
        {"mean": [127.0] * 3, "std": [128.0] * 3, "scale": 1.0},
        {"mean": [0.0] * 3, "std": [1.0] * 3, "scale": 1.0},
        {"mean": [0.485, 0.456, 0.406], "std": [0.229, 0.224, 0.225]},
        {"mean": [0.5] * 3, "std": [0.5] * 3},
    ):
        assert notes(**fine) == ""


def test_values_that_were_taken_are_noted():
    assert "no mean and no std, so the customary values were taken: ImageNet's" in notes()
    assert "no std" in notes(mean=[0.5] * 3)
    assert "ImageNet" not in notes(image_input(1, 16))


def test_a_coarse_integer_input_and_a_small_resize_are_noted():
    assert "fewer than 16" in notes(image_input(3, 16, dtype="uint8"), scale=1 / 255, mean=[0.5] * 3, std=[0.5] * 3)
    assert "black then surrounds the image" in notes(resize=12, mean=[0.5] * 3, std=[0.5] * 3)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
SIDES = st.sampled_from([16, 18, 12, [16, 16], [20, 16], 10**9, None])
NUMBERS = st.sampled_from([[0.5] * 3, [1, 2, 3], [0.5], [0.0] * 3, [1e9] * 3, 0.5, ["a"] * 3])
LIKELY = {
    "resize": SIDES,
    "crop": SIDES,
    "interpolation": st.sampled_from(["bilinear", "box", "area", 2, 5]),
    "scale": st.sampled_from([1 / 255, 1, 0]),
    "mean": NUMBERS,
    "std": NUMBERS,
    "channel_order": st.sampled_from(["RGB", "L", "BGR", "HSV"]),
    "letterbox": st.sampled_from([None, None, 114, 256]),
    "input_size": st.sampled_from([[3, 16, 16], [3, 16], 16]),
    "crop_pct": st.sampled_from([0.9, 1, 0, "x", 1e-300, 10**400]),
    "crop_mode": st.sampled_from(["center", "squash", ["center"]]),
    "image_mean": NUMBERS,
    "image_std": NUMBERS,
    "size": st.sampled_from([16, {"shortest_edge": 16}, {"height": 16, "width": 18}, {"height": 16, "width": None}]),
    "crop_size": st.sampled_from([16, {"height": 16, "width": 16}]),
    "resample": st.sampled_from([0, 2, 3, None]),
    "do_resize": st.booleans(),
    "do_center_crop": st.booleans(),
    "do_normalize": st.booleans(),
    "rescale_factor": st.sampled_from([1 / 255, 0, None]),
    "image_processor_type": st.sampled_from(["ViTImageProcessor", "ConvNextImageProcessor", "BitImageProcessor", 3]),
}


def some(*always, of):
    """Mappings with these names always, and any of the others."""
    others = {name: LIKELY[name] for name in of if name not in always}
    return st.fixed_dictionaries({name: LIKELY[name] for name in always}, optional=others)


MAPPINGS = [
    st.fixed_dictionaries({}, optional={name: values | JSON for name, values in LIKELY.items()}),
    some("resize", "mean", of=FIELDS),
    some("input_size", of=LIKELY),
    some("resample", "size", of=LIKELY),
]


INPUTS = st.sampled_from([image_input(channels, 16) for channels in (1, 3, 4)])


@settings(max_examples=300, deadline=None)
@given(form=JSON | st.one_of(MAPPINGS), image=INPUTS)
def test_whatever_is_given_is_usable_or_refused_in_a_sentence(form, image):
    try:
        steps = checked_preprocessing(form, image).steps
    except ExportError as error:
        message = str(error)
        assert "\n" not in message and len(message) < 1000  # noqa: PT018 — most examples end here
        return
    if steps is not None:
        tensor = by_steps(photograph(30, 22), steps, image)
        assert tensor.shape == image.shape
        assert np.isfinite(tensor).all()
