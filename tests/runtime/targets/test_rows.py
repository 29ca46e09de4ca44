import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from onnxcam.errors import TargetError
from onnxcam.metadata import ImageInput, Layer, Metadata, Source
from onnxcam.targets import Class, Contrast, Element, Linear, Probability, Region
from onnxcam.targets.rows import need_scores, resolve, rows_of
from onnxcam.text import printable

LABELS = ("tabby, tabby cat", "tiger cat", "crane", "crane", "tiger, Panthera tigris", "7")


def model(labels=LABELS, shape=(6,), **fields):
    """The metadata of a model with scores of that shape."""
    classes = shape[0] if len(shape) == 1 else None
    image, layer, source = ImageInput("image", "NCHW", 3, 8, 8), Layer("features", "f", (4, 8, 8)), Source("", "", "")
    return Metadata(
        image, (layer,), None, classes, labels, "y", None, False, None, source, score_shape=shape, **fields
    )  # fmt: skip


def targets(target, images=1, labels=LABELS):
    rows = resolve(target, images, model(labels))
    return rows if len(rows) > 1 else rows[0]


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        (-1, [-1]),
        (3, [3]),
        (-6, [-6]),
        (np.int32(2), [2]),
        (np.array(2), [2]),
        (np.array([1, -2]), [1, -2]),
        ([0, "tiger cat", -2, np.int64(5)], [0, 1, -2, 5]),
        ((1,), [1]),
        ("Tiger Cat", [1]),
        ("tabby cat", [0]),
        ("tabby, tabby cat", [0]),
        ("TIGER", [4]),
        ("3", [3]),
        ("-2", [-2]),
        ("7", [5]),  # a label goes before a number
    ],
)
def test_what_is_asked_for_is_found(target, expected):
    assert targets(target) == expected


@pytest.mark.parametrize(
    ("target", "words"),
    [
        (6, "no class 6; the model has the classes 0 to 5"),
        (-7, "no rank -7; with 6 classes the ranks are -1 (top) to -6"),
        ("crane", "'crane' names the classes 2 and 3; give one of these numbers"),
        ("tiger kat", "did you mean 'tiger cat'"),
        ("panthera", "did you mean 'tiger, Panthera tigris'"),
        ("xyz", "no class 'xyz'; see the classes with 'onnxcam inspect --labels'"),
        ("", "no class ''; see the classes with"),
        ("tigris", "did you mean 'tiger, Panthera tigris'?"),
        ("9", "no class 9"),
        (1.0, "not 1.0"),
        (True, "not True"),
        (None, "not None"),
        ([], "no target is given"),
        ([[[1]]], "not [1]"),
        ([[1], [1, 2]], "2 lists of targets do not fit 1 images"),
        ([[]], "the lists of targets differ in length, or are empty"),
        (b"ab", "not b'ab'"),
        (iter([1]), "not <list_iterator"),
        pytest.param(10**5000, "no class of such a number; the model has the classes 0 to 5", id="digits"),
        pytest.param(-(10**5000), "no rank of such a number", id="minus digits"),
        pytest.param([[[10**5000]]], "not such a list", id="nested digits"),
        ("9" * 5000, "no class '9999"),
        ("x" * 10**5, "no class 'xxxx"),
        ("\x1b[2J\u202e\ud800", r"no class '\x1b[2J\u202e\ud800'"),
    ],
)
def test_what_does_not_exist_is_said(target, words):
    with pytest.raises(TargetError) as caught:
        targets(target)
    assert words in str(caught.value)
    assert len(str(caught.value)) < 500


ANYTHING = st.one_of(
    *(st.text(), st.integers(), st.integers(-9, 9), st.floats(), st.booleans(), st.none(), st.binary()),
    *(st.sampled_from(LABELS), st.from_regex(r"\s*-?[0-9]+\s*"), st.text("0123456789-+٣²e. ")),
    *(st.integers(-9, 9).map(np.int8), st.integers(-9, 9).map(np.array), st.integers(-9, 9).map(np.float32)),
)


@pytest.mark.parametrize("labels", [LABELS, None])
@settings(max_examples=500)
@given(target=st.recursive(ANYTHING, lambda inner: st.lists(inner, max_size=3) | st.tuples(inner), max_leaves=4))
def test_anything_is_classes_or_refused(target, labels):
    try:
        resolved = targets(target, labels=labels)
    except TargetError as error:
        assert str(error) == printable(str(error))  # noqa: PT017  most of what is tried is an error
    else:
        assert resolved
        assert all(type(index) is int for index in resolved)
        assert set(resolved) <= set(range(-6, 6))


def test_without_labels_a_name_is_refused_and_a_number_is_not():
    assert targets("4", labels=None) == [4]
    with pytest.raises(TargetError, match="no labels, so 'cat' names no class; give an index from 0 to 5"):
        targets("cat", labels=None)


@pytest.mark.parametrize(("count", "images"), [(1, 1), (4, 1), (1, 3), (3, 3)])
def test_targets_that_fit_the_batch(count, images):
    assert targets([0] * count, images) == [0] * count


@pytest.mark.parametrize(("count", "images"), [(2, 3), (4, 3), (3, 2)])
def test_targets_that_do_not_fit_the_batch(count, images):
    with pytest.raises(TargetError, match=f"{count} targets do not fit {images} images"):
        targets([0] * count, images)


def test_several_targets_for_each_image():
    assert targets([[0, "tiger cat"], [-1, 3]], 2) == [[0, 1], [-1, 3]]
    assert targets(np.array([[0, 1, 2], [3, 4, 5]]), 2) == [[0, 1, 2], [3, 4, 5]]
    assert targets([["crane 2"] * 2], 1, [*LABELS[:5], "crane 2"]) == [5, 5]


@pytest.mark.parametrize(
    ("target", "words"),
    [
        ([[0], [1, 2]], "differ in length"),
        ([[0], 1], "differ in length"),
        ([[0, 1]], "1 lists of targets do not fit 2 images"),
        ([[0], [1], [2]], "3 lists of targets do not fit 2 images"),
        ([[0], [9]], "no class 9"),
    ],
)
def test_lists_of_targets_that_do_not_fit(target, words):
    with pytest.raises(TargetError, match=words):
        targets(target, 2)


V = Linear([0.5, -1, 0, 2, 0, 0])


def test_classes_and_ranks_go_to_the_targets_and_scalars_to_the_seeds():
    rows = rows_of(targets([3, V, -1, Contrast("tiger cat", 4)]), 1, (6,))
    assert rows.targets.tolist() == [3, -1]
    np.testing.assert_array_equal(rows.seeds, [[0.5, -1, 0, 2, 0, 0], [0, 1, 0, 0, -1, 0]])
    assert list(rows.order) == [0, 2, 1, 3]
    assert (rows.targets.dtype, rows.seeds.dtype) == (np.int64, np.float32)


def test_a_class_is_its_index():
    assert targets([Class("tiger cat"), Class(2)]) == [1, 2]


def test_with_several_images_a_scalar_makes_all_rows_seeds():
    scores = np.array([[0, 1, 2, 3, 9, 5], [7, 1, 2, 3, 4, 5], [0, 0, 0, 0, 0, 0]], np.float32)
    wanted = targets([-2, V, 3], 3)
    assert need_scores(wanted, 3)
    rows = rows_of(wanted, 3, (6,), scores)
    assert rows.targets.size == 0
    np.testing.assert_array_equal(rows.seeds, [[0, 0, 0, 0, 0, 1], [0.5, -1, 0, 2, 0, 0], [0, 0, 0, 1, 0, 0]])
    assert list(rows.classes) == [5, -1, 3]


def test_one_scalar_is_for_all_images():
    rows = rows_of(targets(V, 2), 2, (6,))
    np.testing.assert_array_equal(rows.seeds, [[0.5, -1, 0, 2, 0, 0]] * 2)


@pytest.mark.parametrize(
    ("target", "images", "needed"),
    [
        ([-1, V], 1, False),
        ([-1, V], 2, True),
        ([1, V], 2, False),
        (-1, 2, False),
        (Probability(1), 1, True),
        ([Contrast(1, 2), 3], 1, False),
    ],
)
def test_scores_are_needed_only_by_what_depends_on_them(target, images, needed):
    assert need_scores(targets(target, images), images) == needed


def test_scores_that_are_not_of_classes_take_no_class():
    with pytest.raises(TargetError, match=r"scores are \[3, 4, 4\] and not one for each class; give a Region, an Elem"):
        resolve(-1, 1, model(None, (3, 4, 4)))
    (rows,) = resolve([Element(0, 1, 2), Region(1)], 1, model(None, (3, 4, 4)))
    assert need_scores(rows, 1)


def test_an_artifact_of_the_first_schema_takes_classes_alone():
    old = model(schema=1)
    assert resolve([Class(2), 3], 1, old) == [[2, 3]]
    with pytest.raises(TargetError, match=r"Contrast\(c=1, d=2\) needs a model of schema 2; export this one again"):
        resolve(Contrast(1, 2), 1, old)
