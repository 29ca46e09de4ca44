"""The signs of ``--target``; tests/export explains with them."""

import dataclasses

import numpy as np
import pytest
from PIL import Image

from onnxcam import targets
from onnxcam.cli.masks import MaskedRegion
from onnxcam.cli.targets import read_targets
from onnxcam.errors import PictureError, TargetError
from onnxcam.metadata import DetectionHead
from onnxcam.photograph.opening import open_picture


@pytest.fixture
def metadata(pooled):
    """Five classes, of a model that takes seeds."""
    labels = ("tabby, tabby cat", "tiger cat", "wi-fi", "a - b", "p:5")
    return dataclasses.replace(pooled.metadata, schema=2, labels=labels)


@pytest.fixture
def dense(metadata):
    """Scores for the places of a map of 6 by 4."""
    return dataclasses.replace(metadata, classes=None, score_shape=(5, 4, 6), labels=("road", "car", "sky", "x", "y"))


@pytest.fixture
def anchors(metadata):
    return dataclasses.replace(metadata, classes=None, score_shape=(32, 7), labels=None)


@pytest.fixture
def binary(metadata):
    return dataclasses.replace(
        metadata, classes=1, score_shape=(1,), labels=("healthy", "pneumonia"), score_activation="sigmoid"
    )


def read(text, metadata):
    (one,) = read_targets([text], metadata)
    return repr(one)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("tabby", "tabby"),
        ("-1", "-1"),
        (" 3 ", " 3 "),
        ("tiger cat - tabby", targets.Contrast(1, 0)),
        ("TIGER CAT -  tabby cat", targets.Contrast(1, 0)),
        ("1 - 0", targets.Contrast(1, 0)),
        ("wi-fi - tabby", targets.Contrast(2, 0)),
        ("not:tabby", targets.Negative(0)),
        ("Not: tabby", targets.Negative(0)),
        ("p:tiger cat", targets.Probability(1)),
        ("p:4", targets.Probability(4)),
        ("[4]", targets.Element(4)),
        ("[ -1 ]", targets.Element(-1)),
    ],
)
def test_signs(metadata, text, expected):
    assert read(text, metadata) == repr(expected)


@pytest.mark.parametrize("text", ["a - b", "p:5", "wi-fi"])
def test_a_label_with_a_sign_is_a_label(metadata, text):
    assert read(text, metadata) == repr(text)


def test_a_label_with_a_sign_in_a_contrast(metadata):
    assert read("a - b - tabby", metadata) == repr(targets.Contrast(3, 0))
    assert read("tabby - a - b", metadata) == repr(targets.Contrast(0, 3))
    assert read("not:p:5", metadata) == repr(targets.Negative(4))
    several = dataclasses.replace(metadata, labels=("a", "b - c", "a - b", "c", "d"))
    with pytest.raises(TargetError, match="'a - b - c' can be read as several contrasts; give the classes by their"):
        read("a - b - c", several)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("zebra - tabby", "there is no class 'zebra'"),
        ("tabby - zebra", "there is no class 'zebra'"),
        ("tigre cat - tabby", r"there is no class 'tigre cat'; did you mean 'tiger cat'\?"),
        ("tabby - tabby", "a contrast needs two classes"),
        ("tabby - -1", "-1 is a rank; give a class by its index or label"),
        ("not:zebra", "there is no class 'zebra'"),
        ("p:", "there is no class ''"),
        ("p:9", "there is no class 9|there is no class '9'"),
        ("file.png:zebra", "there is no class 'file.png:zebra'"),
        ("[9]", r"there is no entry \[9\] in scores of the shape \[5\]"),
        ("[1, 2]", r"there is no entry \[1, 2\] in scores of the shape \[5\]"),
        ("[1, x]", r"there is no class '\[1, x\]'"),
        ("", "there is no class ''"),
        (" - ", "there is no class ''"),
    ],
)
def test_mistakes(metadata, text, words):
    with pytest.raises(TargetError, match=words) as caught:
        read(text, metadata)
    assert "\n" not in str(caught.value)


def test_an_old_model_has_classes_alone(pooled):
    with pytest.raises(TargetError, match=r"Contrast\(c=0, d=1\) needs a model of schema 2; export this one again"):
        read("0 - 1", pooled.metadata)


def test_a_binary_head_goes_by_its_labels(binary):
    assert read("pneumonia", binary) == repr("pneumonia")
    assert read("not:pneumonia", binary) == repr(0)
    assert read("not:healthy", binary) == repr(1)
    assert read("p:pneumonia", binary) == repr(targets.Probability("1"))
    assert read("p:healthy", binary) == repr(targets.Probability("0"))
    with pytest.raises(TargetError, match="the one score of this model is that of 'pneumonia'; name this class"):
        read("healthy - pneumonia", binary)


def test_a_class_of_scores_for_places_is_its_region(dense):
    assert read("road", dense) == repr(targets.Region("road"))
    assert read("1", dense) == repr(targets.Region("1"))
    assert read("[0, 3, 5]", dense) == repr(targets.Element(0, 3, 5))


@pytest.mark.parametrize("text", ["-1", "p:road", "not:road", "road - car", "p:zebra"])
def test_scores_for_places_have_no_classes(dense, text):
    words = r"are \[5, 4, 6\] and not one for each class; give CLASS for the region .* \"\[0, 0, 0\]\" for one"
    with pytest.raises(TargetError, match=words):
        read(text, dense)


def test_other_mistakes_at_scores_for_places(dense):
    with pytest.raises(TargetError, match=r"no class 'raod'; did you mean 'road'\?"):
        read("raod", dense)
    with pytest.raises(TargetError, match=r"there is no entry \[0, 4, 0\] in scores of the shape \[5, 4, 6\]"):
        read("[0, 4, 0]", dense)


@pytest.mark.parametrize("text", ["-1", "3", "road", "p:3"])
def test_other_scores_have_entries_alone(anchors, text):
    with pytest.raises(TargetError, match=r'are \[32, 7\] and not one for each class; give "\[0, 0\]" for'):
        read(text, anchors)
    assert read("[4, 6]", anchors) == repr(targets.Element(4, 6))


def white(path, size, box):
    """A black mask with a white box (left, top, right, bottom)."""
    mask = Image.new("L", size)
    mask.paste(255, box)
    mask.save(path)
    return path


def masked(path, dense, image=None, c="road"):
    (one,) = read_targets([f"{path}:{c}"], dense)
    assert isinstance(one, MaskedRegion)
    return one.on(open_picture(image or Image.new("RGB", (60, 40))), dense)


def test_a_mask_of_the_scores_size(dense, tmp_path):
    region = masked(white(tmp_path / "m:1.png", (6, 4), (1, 0, 3, 2)), dense)
    expected = np.zeros((4, 6), bool)
    expected[0:2, 1:3] = True
    assert region.c == "road"
    np.testing.assert_array_equal(region.mask, expected)


def test_a_mask_of_the_images_size_goes_the_way_of_the_image(dense, tmp_path):
    """60 by 40 pixels are resized to 12 by 8, of which 8 by 8 are seen: from the image's columns 10 to 50."""
    region = masked(white(tmp_path / "mask.png", (60, 40), (10, 0, 30, 20)), dense)
    expected = np.zeros((4, 6), bool)
    expected[:2, :3] = True
    np.testing.assert_array_equal(region.mask, expected)


def test_mistaken_masks(dense, tmp_path):
    path = white(tmp_path / "mask.png", (7, 4), (0, 0, 7, 4))
    with pytest.raises(PictureError, match=r"mask.png is 7 by 4 pixels; make it 60 by 40 as the image, or 6 by 4 as"):
        masked(path, dense)
    path = white(tmp_path / "mask.png", (60, 40), (0, 0, 8, 40))
    with pytest.raises(PictureError, match=r"mask.png is nowhere white in the part of the image that the model sees"):
        masked(path, dense)
    with pytest.raises(PictureError, match=r"missing\.png"):
        masked(tmp_path / "missing.png", dense)
    path.write_text("no picture")
    with pytest.raises(PictureError, match=r"mask\.png"):
        masked(path, dense)


def test_a_mask_needs_scores_for_places(metadata, tmp_path):
    with pytest.raises(TargetError, match=r"a region needs scores for places, and this model's are \[5\]; give a"):
        masked(white(tmp_path / "mask.png", (6, 4), (0, 0, 6, 4)), metadata, c="tabby")


def test_a_mask_of_scores_for_a_volume(dense, tmp_path):
    volume = dataclasses.replace(dense, score_shape=(5, 2, 4, 6))
    with pytest.raises(PictureError, match=r"cannot mark places of scores \[5, 2, 4, 6\]"):
        masked(white(tmp_path / "mask.png", (6, 4), (0, 0, 6, 4)), volume)


@pytest.fixture
def detector(metadata):
    """Boxes of three classes."""
    head = DetectionHead(anchors=1, classes=4, count=3)
    return dataclasses.replace(
        metadata, classes=None, score_shape=(7, 32), labels=("person", "car", "dog"), detection=head
    )


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("-1", targets.Detection()),
        ("-99", targets.Detection(98)),
        ("dog", targets.Detection(0, 2)),
        ("1", targets.Detection(0, 1)),
        ("[4, 6]", targets.Element(4, 6)),
    ],
)
def test_boxes(detector, text, expected):
    assert read(text, detector) == repr(expected)


def test_mistaken_boxes(detector):
    with pytest.raises(TargetError, match=r"there is no class 'dgo'; did you mean 'dog'\?"):
        read("dgo", detector)
    for text in ("p:dog", "dog - car"):
        with pytest.raises(TargetError, match="this model's targets are its boxes; give CLASS or a rank, -1"):
            read(text, detector)
