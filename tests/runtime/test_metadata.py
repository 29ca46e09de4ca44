import copy
import dataclasses
import json
import pickle
import re
import tracemalloc
import unicodedata

import pytest

from onnxcam.errors import ModelError
from onnxcam.metadata import Golden, Metadata, MethodSanity, Preprocessing, Sanity, Verification


@pytest.mark.parametrize("name", ["toy", "plain", "pooled", "flat"])
def test_it_survives_json_pickle_and_copies(request, name):
    metadata = request.getfixturevalue(name).metadata
    assert Metadata.from_json(metadata.to_json()) == metadata
    assert Metadata.from_json(metadata.to_json().encode()) == metadata
    assert pickle.loads(pickle.dumps(metadata)) == metadata  # noqa: S301  its own bytes
    assert copy.deepcopy(metadata) == metadata


def test_files_from_before_the_field_have_guided_gradients(toy, plain):
    text = toy.metadata.to_json()
    assert Metadata.from_json(text.replace(',"input_gradient":"guided"', "")) == toy.metadata
    assert toy.metadata.input_gradient_output == "onnxcam.guided_gradients"
    assert plain.metadata.input_gradient_output == "onnxcam.input_gradients"


def test_unknown_fields_are_ignored(pooled):
    data = json.loads(pooled.metadata.to_json())
    data["novelty"] = data["image"]["novelty"] = data["layers"][0]["novelty"] = 1
    assert Metadata.from_json(json.dumps(data)) == pooled.metadata


def test_sanity_is_optional_and_readers_of_before_ignore_it(pooled):
    before = pooled.metadata
    results = {"grad-cam": MethodSanity(0.1, 0.2, 0.3, -0.4, 1.0), "eigen-cam": MethodSanity(None, 1.0, 1.0, 0.5)}
    checked = dataclasses.replace(before, sanity=Sanity(3, results, "onnxcam 0.1.0"))
    assert Metadata.from_json(checked.to_json()) == checked
    # To a reader from before, the field is one that it does not know.
    renamed = checked.to_json().replace('"sanity":', '"novelty":')
    assert Metadata.from_json(renamed) == before
    assert Metadata.from_json(before.to_json().replace(',"sanity":null', "")) == before


def test_the_input_shape_follows_the_layout(pooled, flat):
    assert pooled.metadata.image.shape == (3, 8, 8)
    assert flat.metadata.image.shape == (8, 8, 3)


def with_value(metadata, path: str, value) -> str:
    """The metadata's JSON with another value at a path like ``layers.0.name``."""
    data = json.loads(metadata.to_json())
    *parents, last = (int(part) if part.isdigit() else part for part in path.split("."))
    node = data
    for part in parents:
        node = node[part]
    node[last] = value
    return json.dumps(data)


LAYER = {"name": "features", "value": "features", "shape": [4, 8, 8]}


@pytest.mark.parametrize(
    ("path", "value", "words"),
    [
        ("image.channels", "3", "image.channels: Expected `int`, got `str`"),
        ("sanity", {"pictures": 1, "methods": {"cam": {}}}, "sanity.methods[...]: Object missing required field"),
        ("sanity", {"pictures": 0, "methods": {}}, "sanity.pictures: Expected `int` >= 1"),
        ("image.height", 0, "image.height: Expected `int` >= 1"),
        ("image.height", 10**9, "image.height: Expected `int` <= 65536"),
        ("image.width", 8.0, "image.width: Expected `int`, got `float`"),
        ("image.batch", -1, "image.batch"),
        ("image.layout", "CHWN", "Invalid enum value 'CHWN'"),
        ("image.dtype", "U9999999", "image.dtype: 'U9999999' is none of float16"),
        ("image.dtype", "S10", "image.dtype"),
        ("image", {"name": "x", "layout": "NCHW", "channels": 3, "height": 60000, "width": 60000}, "too large"),
        ("image.layout", "NCDHW", "image.depth: None in the layout NCDHW"),
        ("image.layout", "NHW", "image.channels: 3 in the layout NHW"),
        ("image.layout", "NCL", "image.height: 8 in the layout NCL"),
        ("image.depth", 4, "image.depth: 4 in the layout NCHW"),
        ("layers.0.shape", [4, 8, 8, 8], "layers[0].shape: [4, 8, 8, 8] of an input with the layout NCHW"),
        ("layers.0.skip", 1, "layers[0].skip: 1 tokens of a layer whose view is channels_first"),
        ("layers.0.view", "channels", "layers[0].view"),
        ("layers", [], "layers: Expected `array` of length >= 1"),
        ("layers", [LAYER] * 10**4, "layers: Expected `array` of length <= 4096"),
        ("layers", [LAYER, LAYER], "layers: two have the same name"),
        ("layers.0.name", 5, "layers[0].name: Expected `str`, got `int`"),
        ("layers.0.name", "", "layers[0].name"),
        ("layers.0.shape", [4, 8], "layers[0].shape"),
        ("layers.0.shape", [4, 8, 0], "layers[0].shape"),
        ("layers.0.shape", [60000, 60000, 60000], "layers: one is too large"),
        ("cam_layer", "nothing", "cam_layer: there is no layer 'nothing'"),
        ("classes", 3, "labels: 5 for 3 classes"),
        ("classes", 10**9, "classes: Expected `int` <="),
        ("classes", True, "classes: Expected `int | null`, got `bool`"),
        ("labels", "abcde", "labels: Expected `array | null`, got `str`"),
        ("labels", [0, 1, 2, 3, 4], "labels[0]: Expected `str`, got `int`"),
        ("labels", ["a", "b", "c", "d"], "labels: 4 for 5 classes"),
        ("labels.0", "x" * 10**5, "labels[0]: Expected `str` of length <="),
        ("score_activation", "tanh", "score_activation: Invalid enum value 'tanh'"),
        ("flat", 1, "flat: Expected `bool`, got `int`"),
        ("preprocessing.resize", 10**9, "preprocessing.resize: 1000000000; the model takes 8 by 8 pixels"),
        ("preprocessing.resize", -4, "preprocessing.resize: -4"),
        ("preprocessing.resize", [4, 4, 4], "preprocessing.resize: Expected `array` of length 2"),
        ("preprocessing.crop", 4.0, "preprocessing.crop: Expected `int | array | null`, got `float`"),
        ("preprocessing.crop", 7, "preprocessing.crop: 7; the model takes 8 by 8 pixels"),
        ("preprocessing.crop", None, "a shorter side of 10 without a crop"),
        ("preprocessing.interpolation", "evil", "Invalid enum value 'evil'"),
        ("preprocessing.scale", 0, "std and scale must not be 0"),
        ("preprocessing.std", [0.5, 0, 0.5], "std and scale must not be 0"),
        ("preprocessing.std", "abc", "preprocessing.std: Expected `array`, got `str`"),
        ("preprocessing.mean", [0.5, 0.5], "preprocessing: 2 mean and 3 std for 3 channels"),
        ("preprocessing.mean.0", 1e30, "preprocessing.mean[0]"),
        ("preprocessing.mean.0", float("nan"), "JSON is malformed"),
        ("preprocessing.channel_order", "HSV", "Invalid enum value 'HSV'"),
        ("source.name", None, "source.name: Expected `str`, got `null`"),
        ("verification", {"reference": "x", "errors": [], "tolerances": {}}, "verification.errors: Expected `object`"),
        ("verification", {"reference": "x", "errors": {"a": 1}, "tolerances": {}}, "not of the same outputs"),
        ("golden.target", 5, "golden.target: 5 of 5 classes"),
        ("golden.layer", "nothing", "golden.layer: there is no layer 'nothing'"),
        ("golden.scores", ["a"], "golden.scores[0]: Expected `float`, got `str`"),
        ("golden.scores", [0.0] * 4, "golden.scores: 4 samples where there should be 5"),
        ("golden.scores.0", float("inf"), "JSON is malformed"),
        ("golden.tolerances", {}, "golden.tolerances: not those of scores, grad_cam, guided_backprop"),
        ("golden.tolerances.scores", "1", "golden.tolerances[...]: Expected `float`, got `str`"),
        ("golden.tolerances.scores", 2, "golden.tolerances[...]: Expected `float` <= 1.0"),
        ("input_gradient", "lrp", "input_gradient: 'lrp' is none of guided, plain, deconvnet, custom"),
        ("schema", "1", "schema: Expected `int`, got `str`"),
        ("schema", -5, "schema: Expected `int` >= 1"),
        ("schema", float("inf"), "JSON is malformed"),
    ],
)
def test_lies_are_refused_by_their_place(pooled, path, value, words):
    with pytest.raises(ModelError) as caught:
        Metadata.from_json(with_value(pooled.metadata, path, value))
    assert words in str(caught.value)
    assert str(caught.value).startswith("the model's onnxcam metadata is damaged (")
    assert len(str(caught.value)) < 500


@pytest.mark.parametrize(
    "text",
    [
        b"\xff\xfe",
        '{"schema": 1, "labels": ["\udcff"]}',
        '{"schema": 1, "x": ' + "[" * 10**5 + "]" * 10**5 + "}",
        '{"schema": 1' + " " * 2**24 + "}",
        '{"schema": 1' + "0" * 5000 + "}",
        '{"schema": 1e999}',
    ],
    ids=["bytes", "surrogate", "nested", "long", "digits", "exponent"],
)
def test_what_is_no_json_is_refused(text):
    with pytest.raises(ModelError, match="metadata is damaged") as caught:
        Metadata.from_json(text)
    assert len(str(caught.value)) < 500


def test_a_message_shows_no_control_characters(pooled):
    with pytest.raises(ModelError, match=r"\\x1b\[2J\\n") as caught:
        Metadata.from_json(with_value(pooled.metadata, "image.layout", "\x1b[2J\n\u202e"))
    assert not [character for character in str(caught.value) if unicodedata.category(character).startswith("C")]


def test_nothing_huge_is_allocated(pooled):
    lies = [
        with_value(pooled.metadata, path, value)
        for path, value in (("preprocessing.resize", 10**9), ("image.dtype", "U9999999"), ("layers", [LAYER] * 10**5))
    ]
    tracemalloc.start()
    for text in lies:
        with pytest.raises(ModelError):
            Metadata.from_json(text)
    assert tracemalloc.get_traced_memory()[1] < 64e6
    tracemalloc.stop()


@pytest.mark.parametrize(
    "changes",
    [
        {"labels": ("a", "b")},
        {"labels": (0, 1, 2, 3, 4)},
        {"labels": ("\ud800", "b", "c", "d", "e")},
        {"image": None},
        {"layers": ()},
        {"classes": 5.5},
        {"schema": 3},
        {"classes": None},
        {"score_shape": (4,)},
        {"score_shape": (5, 8, 8)},
        {"preprocessing": Preprocessing(resize=10, crop=8, std=(0, 0, 0))},
        {"preprocessing": Preprocessing(resize=10, crop=8, mean=(float("nan"),) * 3)},
        {"preprocessing": Preprocessing(resize=None, crop=9)},
        {"verification": Verification("x", {"a": float("inf")}, {"a": 1.0})},
        {"golden": Golden(0, (float("nan"),) * 5, "features", (0.0,) * 64, (0.0,) * 64, {})},
        {"source": object()},
    ],
)
def test_nothing_is_written_that_could_not_be_read(pooled, changes):
    with pytest.raises(ModelError):
        dataclasses.replace(pooled.metadata, **changes).to_json()


def head(**changes):
    return {"anchors": 1, "classes": 4, "count": 3, **changes}


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"detection": head(count=4)}, "4 classes and a box do not fit the 7 values of an anchor"),
        ({"detection": head(boxes=4)}, "do not fit the 7 values"),
        ({"detection": head(objectness=7)}, "do not fit the 7 values"),
        ({"detection": head(anchors=0), "score_shape": [4, 7, 2]}, "which has no axis of anchors"),
        ({"detection": head(), "labels": ["a", "b"]}, "labels: 2 for 3 classes"),
        ({"detection": head(anchors=2)}, "detection.anchors"),
        ({"detection": head(box="polygon")}, "detection.box"),
        ({"detection": head(count=0)}, "detection.count"),
        ({"detection": {"anchors": 1}}, "detection"),
    ],
)
def test_contradictory_detection_heads(pooled, changes, words):
    fields = json.loads(pooled.metadata.to_json())
    fields |= {"classes": None, "labels": None, "score_shape": [7, 10], "golden": None, "cam_layer": None}
    Metadata.from_json(json.dumps(fields | {"detection": head()}))
    with pytest.raises(ModelError, match=re.escape(words)):
        Metadata.from_json(json.dumps(fields | changes))


@pytest.mark.parametrize(
    "changes",
    [{"letterbox": 256}, {"letterbox": -1}, {"letterbox": 114}, {"letterbox": 114, "resize": None, "crop": None}],
)
def test_contradictory_letterboxes(pooled, changes):
    fields = json.loads(pooled.metadata.to_json())
    good = {"resize": None, "crop": 8, "letterbox": 114}
    Metadata.from_json(json.dumps(fields | {"preprocessing": fields["preprocessing"] | good}))
    with pytest.raises(ModelError, match="letterbox"):
        Metadata.from_json(json.dumps(fields | {"preprocessing": fields["preprocessing"] | changes}))
