import dataclasses
import io

import numpy as np
import pytest
from PIL import Image

import onnxcam
from onnxcam.errors import LayerError, MethodError, OutputError, TargetError


@pytest.fixture
def explanation(pooled, picture):
    return pooled.explain(picture, [0, 4, -1])


@pytest.mark.parametrize(("ending", "name"), [("png", "PNG"), ("jpg", "JPEG"), ("JPEG", "JPEG"), ("webp", "WEBP")])
def test_save_chooses_the_format_by_the_ending(explanation, tmp_path, ending, name):
    path = explanation.save(tmp_path / f"out.{ending}")
    with Image.open(path) as image:
        assert image.format == name
        image.load()
    assert {item.name for item in tmp_path.iterdir()} == {"picture.png", f"out.{ending}"}


def test_save_refuses_what_it_cannot_write(explanation, tmp_path):
    for path, words in {
        tmp_path / "out.xyz": r"the ending must be one of \.png",
        tmp_path / "out": "the ending must be one of",
        tmp_path / "none" / "out.png": "the folder .*none does not exist",
    }.items():
        with pytest.raises(OutputError, match=words):
            explanation.save(path)
    assert {item.name for item in tmp_path.iterdir()} == {"picture.png"}


def test_save_needs_the_level_of_its_methods(pooled, picture, tmp_path):
    explanation = pooled.explain(picture, level=1)
    with pytest.raises(MethodError, match="level=2"):
        explanation.save(tmp_path / "out.png", methods=["grad-cam", "guided-backprop"])
    assert not (tmp_path / "out.png").exists()
    assert explanation.save(tmp_path / "out.png", methods=["grad-cam", "cam"]).exists()


def test_without_methods_those_are_drawn_that_the_model_and_the_level_have(pooled, plain, ramp, picture):
    every = ["grad-cam", "guided-backprop", "guided-grad-cam"]
    for explanation, methods in (
        (pooled.explain(picture), every),
        (pooled.explain(picture, level=1), ["grad-cam"]),
        (plain.run(ramp), ["grad-cam"]),
    ):
        np.testing.assert_array_equal(explanation.figure(), explanation.figure(methods=methods))


def test_level_0_has_nothing_to_draw(pooled, picture, tmp_path):
    with pytest.raises(MethodError, match="Grad-CAM needs level=1 or 2, and this explanation is of level 0"):
        pooled.explain(picture, level=0).save(tmp_path / "out.png")
    assert not (tmp_path / "out.png").exists()


def test_save_without_a_photograph_draws_the_tensor(toy, ramp, flat, tmp_path):
    assert toy.run(ramp, [0, 1]).save(tmp_path / "toy.png").exists()
    pixels = np.random.default_rng(0).normal(size=(2, 8, 8, 3)).astype(np.float32)
    assert flat.run(pixels).save(tmp_path / "flat.png").exists()


def test_save_without_a_photograph_draws_any_number_of_channels(toy, ramp, tmp_path):
    explanation = toy.run(ramp, [0, 1])
    for channels in (1, 2, 3, 4, 6):
        wide = with_channels(explanation, channels)
        path = wide.save(tmp_path / f"{channels}.png")
        assert path.stat().st_size > 0
        assert wide.overlay(1).size == (4, 4)


def with_channels(explanation: onnxcam.Explanation, channels: int) -> onnxcam.Explanation:
    """An explanation of an input with that many channels."""
    random = np.random.default_rng(0)
    image = dataclasses.replace(explanation.metadata.image, channels=channels)
    return dataclasses.replace(
        explanation,
        metadata=dataclasses.replace(explanation.metadata, image=image),
        tensor=random.normal(size=(1, channels, 4, 4)).astype(np.float32),
        guided=random.normal(size=(2, channels, 4, 4)).astype(np.float32),
    )


def test_save_to_a_file_object(explanation):
    file = io.BytesIO()
    assert explanation.save(file, format="png") is None
    with Image.open(io.BytesIO(file.getvalue())) as image:
        assert image.format == "PNG"
        np.testing.assert_array_equal(np.asarray(image), np.asarray(explanation.figure()))
    with pytest.raises(OutputError, match="a file object has no ending that says what to write; give format="):
        explanation.save(io.BytesIO())


def test_a_figure_is_the_picture_that_is_saved(explanation, tmp_path):
    for arguments in ({}, {"row": 1}, {"row": [2, 0], "methods": ["cam"]}):
        drawn = explanation.figure(**arguments)
        assert drawn.mode == "RGB"
        with Image.open(explanation.save(tmp_path / "out.png", **arguments)) as image:
            np.testing.assert_array_equal(np.asarray(image), np.asarray(drawn))


def test_rows_can_be_chosen(explanation):
    whole = np.asarray(explanation.figure())
    height = len(whole) // 3
    for row in range(3):
        np.testing.assert_array_equal(np.asarray(explanation.figure(row)), whole[row * height : (row + 1) * height])
    turned = np.asarray(explanation.figure([np.int64(2), 0]))
    np.testing.assert_array_equal(turned, np.concatenate([whole[2 * height :], whole[:height]]))


@pytest.mark.parametrize("row", [3, -1, [0, 3]])
def test_rows_that_do_not_exist(explanation, row):
    with pytest.raises(TargetError, match=r"there is no row -?\d; the explanation has the rows 0 to 2"):
        explanation.figure(row)


@pytest.mark.parametrize("row", ["0", 1.5, [None], []])
def test_rows_that_are_no_numbers(explanation, row):
    with pytest.raises(TargetError, match="a row is a whole number or a list of them"):
        explanation.figure(row)


def test_rows_of_a_batch_are_drawn_on_their_own_photographs(pooled, picture):
    black = np.zeros((40, 60, 3), np.uint8)
    both = pooled.explain([picture, black], 2)
    alone = [pooled.explain(source, 2) for source in (picture, black)]
    whole = np.asarray(both.figure())
    height = len(whole) // 2
    for row in range(2):
        drawn = whole[row * height : (row + 1) * height]
        np.testing.assert_allclose(drawn.astype(int), np.asarray(alone[row].figure()).astype(int), atol=2)


def test_an_overlay_has_the_photographs_size(explanation, toy, ramp):
    drawn = explanation.overlay()
    assert (drawn.size, drawn.mode) == ((60, 40), "RGB")
    assert (np.asarray(explanation.overlay(1)) != np.asarray(drawn)).any()
    assert (np.asarray(explanation.overlay(outline=False)) != np.asarray(drawn)).any()
    assert toy.run(ramp).overlay(layer="conv1").size == (4, 4)


def test_an_overlay_of_cam(explanation):
    photograph = np.asarray(explanation.photographs[0].photograph)
    assert (np.asarray(explanation.overlay(method="cam")) != photograph).any()


def test_overlays_that_cannot_be_drawn(explanation, pooled, picture):
    with pytest.raises(TargetError, match="there is no row 3"):
        explanation.overlay(3)
    with pytest.raises(TargetError, match="an overlay draws one row"):
        explanation.overlay([0, 1])
    with pytest.raises(LayerError, match="'conv' was not fetched"):
        explanation.overlay(layer="conv")
    with pytest.raises(MethodError, match="'guided-backprop' gives an image"):
        explanation.overlay(method="guided-backprop")
    with pytest.raises(MethodError, match="Grad-CAM needs level=1 or 2"):
        pooled.explain(picture, level=0).overlay()


@pytest.mark.parametrize("level", [0, 1, 2])
def test_notebooks_show_what_the_level_gives(pooled, picture, level):
    explanation = pooled.explain(picture, [0, 4], level=level)
    with Image.open(io.BytesIO(explanation._repr_png_())) as image:
        assert image.format == "PNG"
        assert (image.width > 1000) == (level == 2)
    page = explanation._repr_html_()
    assert page.startswith("<img src=")
    assert page.count("<tr>") == 3
    assert "<td>tabby, tabby cat</td>" in page


def test_notebooks_show_the_first_rows(pooled, picture):
    explanation = pooled.explain(picture, [0] * 30)
    with Image.open(io.BytesIO(explanation._repr_png_())) as image:
        assert image.size == explanation.figure(range(8)).size
    assert explanation._repr_html_().count("<tr>") == 9


def test_notebooks_show_labels_as_text(explanation):
    labels = ("<b onclick='x'>cat</b>\n", "\udc80", "c", "d", "e")
    named = dataclasses.replace(explanation, metadata=dataclasses.replace(explanation.metadata, labels=labels))
    page = named._repr_html_()
    assert "<b" not in page
    assert "&lt;b onclick=" in page
    page.encode()


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_activations_that_are_not_finite_are_drawn(explanation, bad):
    activations = {name: values.copy() for name, values in explanation.activations.items()}
    for values in activations.values():
        values[..., 1, 2] = bad
    with np.errstate(invalid="ignore"):
        broken = dataclasses.replace(explanation, activations=activations)
        drawn = broken.figure()
    assert drawn.size[0] == explanation.figure().size[0]
