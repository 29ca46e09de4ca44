"""Each scalar: v is the derivative of y, and mistakes are said."""

import numpy as np
import pytest

from onnxcam.errors import TargetError
from onnxcam.metadata import ImageInput, Layer, Metadata, Source
from onnxcam.targets import Class, Contrast, Element, Linear, Negative, Probability, Region, Similarity

LABELS = ("cat", "dog", "fox", "owl", "elk")
MASK = np.array([[1, 0, 1], [0, 0.5, 0]])


def model(shape, activation=None):
    """The metadata of a model with scores of that shape."""
    classes = shape[0] if len(shape) == 1 else None
    image, layer, source = ImageInput("image", "NCHW", 3, 8, 8), Layer("features", "f", (4, 8, 8)), Source("", "", "")
    return Metadata(
        image, (layer,), None, classes, LABELS, "y", activation, False, None, source, score_shape=shape
    )  # fmt: skip


def scores(shape):
    return np.random.default_rng(0).standard_normal(shape)


CASES = [
    (Class("dog"), (5,), None, lambda s: s[1], "dog"),
    (Contrast("dog", 4), (5,), None, lambda s: s[1] - s[4], "dog - elk"),
    (Negative("owl"), (5,), None, lambda s: -s[3], "not owl"),
    (Probability(2), (5,), None, lambda s: np.exp(s[2]) / np.exp(s).sum(), "probability of fox"),
    (Probability(2), (5,), "sigmoid", lambda s: 1 / (1 + np.exp(-s[2])), "probability of fox"),
    (Probability(2, "softmax"), (5,), "sigmoid", lambda s: np.exp(s[2]) / np.exp(s).sum(), "probability of fox"),
    (Linear(np.arange(5) - 2), (5,), None, lambda s: (s * (np.arange(5) - 2)).sum(), "weighted scores"),
    (Linear(np.ones((5, 2, 3))), (5, 2, 3), None, np.sum, "weighted scores"),
    (Similarity([1, 2, 0, -1, 0]), (5,), None, lambda s: (s @ [1, 2, 0, -1, 0]) / np.linalg.norm(s) / 6**0.5, "simil"),
    (Element(3), (5,), None, lambda s: s[3], "score [3]"),
    (Element(3, -1, 0), (5, 2, 3), None, lambda s: s[3, 1, 0], "score [3, 1, 0]"),
    (Region("fox", MASK), (5, 2, 3), None, lambda s: (s[2] * MASK).sum(), "region of fox"),
    (Region(1), (5, 2, 3), None, lambda s: s[1][s.argmax(0) == 1].sum(), "region of dog"),
    (Region(0), (1, 4, 6), None, lambda s: s[0][s[0] > 0].sum(), "region of cat"),
]


@pytest.mark.parametrize(("scalar", "shape", "activation", "y", "words"), CASES)
def test_v_is_the_derivative_of_y(scalar, shape, activation, y, words):
    metadata, s = model(shape, activation), scores(shape)
    bound = scalar.bound(metadata)
    assert bound.value(s) == pytest.approx(y(s), rel=1e-6)
    assert bound.describe(metadata).startswith(words)
    v = bound.cotangent(s)
    assert v.shape == shape
    for _ in range(3):
        d = np.random.default_rng(1).standard_normal(shape)
        step = 1e-5
        assert (v * d).sum() == pytest.approx((y(s + step * d) - y(s - step * d)) / (2 * step), rel=1e-4, abs=1e-6)


@pytest.mark.parametrize(
    ("scalar", "shape", "words"),
    [
        (Class("cow"), (5,), "there is no class 'cow'"),
        (Class(7), (5,), "there is no class 7"),
        (Class(-1), (5,), "-1 is a rank; give a class by its index or label"),
        (Class(1), (5, 2, 3), r"scores are \[5, 2, 3\] and not one for each class"),
        (Contrast(1, "dog"), (5,), "a contrast needs two classes, and both are 'dog'"),
        (Probability(1, "relu"), (5,), "the activation is 'softmax' or 'sigmoid', not 'relu'"),
        (Linear([1, 2]), (5,), r"the weights of the scores must be \[5\], not \[2\]"),
        (Linear(["a"] * 5), (5,), "the weights of the scores must be numbers"),
        (Linear([np.nan] * 5), (5,), "the weights of the scores must be finite"),
        (Linear([1e300] * 5), (5,), "the weights of the scores must be finite"),
        (Similarity([1, 2]), (5,), "the vector of a similarity must have 5 numbers, not 2"),
        (Similarity([0] * 5), (5,), "the vector of a similarity is zero"),
        (Element(5), (5,), r"there is no entry \[5\] in scores of the shape \[5\]"),
        (Element(1, 2), (5,), "there is no entry"),
        (Element("a"), (5,), "there is no entry"),
        (Region(1), (5,), r"a region needs scores for places, and this model's are \[5\]; give a class"),
        (Region(5), (5, 2, 3), "there is no class 5"),
        (
            Region(1, np.ones((3, 3))),
            (5, 2, 3),
            r"the mask of a region must be \[2, 3\], as the scores are, not \[3, 3",
        ),
        (Region(1, np.zeros((2, 3))), (5, 2, 3), "the mask of a region is empty"),
    ],
)
def test_mistakes_are_said(scalar, shape, words):
    with pytest.raises(TargetError, match=words):
        scalar.bound(model(shape))


def test_a_region_that_wins_nowhere_is_said():
    s = np.zeros((5, 2, 3))
    s[1] = 1
    with pytest.raises(TargetError, match="class 2 has the highest score nowhere in this image; give a mask"):
        Region(2).bound(model(s.shape)).cotangent(s)
    alone = np.full((1, 2, 3), -1.0)
    with pytest.raises(TargetError, match="class 0 has a positive score nowhere in this image; give a mask"):
        Region(0).bound(model(alone.shape)).cotangent(alone)


def test_a_similarity_with_no_direction_is_said():
    with pytest.raises(TargetError, match="the scores are all zero"):
        Similarity([1] * 5).bound(model((5,))).cotangent(np.zeros(5))
