"""A single score with two labels, by hand: the score is the second's, and its negative the first's."""

import dataclasses

import numpy as np
import pytest

import onnxcam
from onnxcam import targets
from onnxcam.errors import TargetError
from onnxcam.explanation import Explanation
from onnxcam.targets.rows import any_target, fixed_at, resolve
from onnxcam.targets.written import read_target

S = np.array([-1.0], np.float32)
P = 1 / (1 + np.e)  # of the second label


@pytest.fixture
def binary(pooled):
    return dataclasses.replace(
        pooled.metadata,
        schema=2,
        classes=1,
        score_shape=(1,),
        labels=("healthy", "ill"),
        score_activation="sigmoid",
        cam_layer=None,
    )


@pytest.fixture
def regression(binary):
    return dataclasses.replace(binary, labels=None, score_activation=None)


def explained(target, s, metadata):
    (wanted,) = resolve(target, 1, metadata)
    rows = fixed_at(wanted, s[None])
    explanation = Explanation(
        metadata=metadata,
        level=0,
        scores=s[None],
        class_index=np.array([-1 if isinstance(row, targets.Scalar) else row for row in rows]),
        activations={},
        gradients={},
        guided=None,
        tensor=np.zeros((1, 3, 8, 8), np.float32),
        photographs=None,
        scalars=tuple(row if isinstance(row, targets.Scalar) else None for row in rows),
    )
    return [explanation.explained(row) for row in range(len(rows))], explanation.top()


def test_ranks_are_those_of_the_two_labels(binary):
    found, top = explained([-1, -2, 0, 1, "ill", "healthy"], S, binary)
    healthy = onnxcam.ClassScore(0, "healthy", 1.0, pytest.approx(1 - P))
    ill = onnxcam.ClassScore(1, "ill", -1.0, pytest.approx(P))
    assert found == [healthy, ill, healthy, ill, ill, healthy]
    assert top == [healthy, ill]
    found, top = explained([-1, -2], -S, binary)
    assert [item.label for item in found] == [item.label for item in top] == ["ill", "healthy"]


def test_runs_for_the_scores_alone_need_no_scores_first(binary):
    assert resolve(any_target(binary), 1, binary) == [[0]]


@pytest.mark.parametrize(
    ("text", "y", "v"),
    [
        ("p:ill", P, P * (1 - P)),
        ("p:healthy", 1 - P, -P * (1 - P)),
        ("not:healthy", -1, 1),
        ("not:ill", 1, -1),
        ("healthy", 1, -1),
        ("-2", -1, 1),
    ],
)
def test_written_targets(binary, text, y, v):
    (wanted,) = resolve(read_target(text, binary), 1, binary)
    (row,) = fixed_at(wanted, S[None])
    row = row if isinstance(row, targets.Scalar) else targets.Class(row)
    assert row.value(S) == pytest.approx(y)
    assert row.cotangent(S) == pytest.approx([v])


def test_without_an_activation_two_labels_mean_a_sigmoid(binary):
    logits = dataclasses.replace(binary, score_activation=None)
    assert targets.Probability("ill").bound(logits).value(S) == pytest.approx(P)
    assert [(item.label, item.score, item.probability) for item in explained(-1, S, logits)[1]] == [
        ("healthy", 1.0, None),
        ("ill", -1.0, None),
    ]


def test_mistakes(binary):
    for text, words in (
        ("p:-1", "-1 is a rank; give one of the two labels"),
        ("p:sick", "there is no class 'sick'"),
        ("-3", "there is no rank -3; with 2 classes the ranks are -1"),
        ("2", "there is no class 2; the model has the classes 0 to 1"),
    ):
        with pytest.raises(TargetError, match=words):
            resolve(read_target(text, binary), 1, binary)


def test_a_regression_is_offered_as_what_it_is(regression):
    assert "one score without a label" in regression.summary
    found, top = explained([-1, targets.Negative(0)], S, regression)
    assert (found[0].label, found[0].score, found[0].probability) == ("score", -1.0, None)
    assert (found[1].label, found[1].score) == ("not score", 1.0)
    assert top == [onnxcam.ClassScore(0, "score", -1.0, None)]
    for target, words in (
        (-2, "there is no rank -2; the one class is -1"),
        (1, "there is no class 1; the model has one score, 0"),
        (targets.Probability(0), "this model's one score has no sigmoid, and so no probability; explain the score"),
    ):
        with pytest.raises(TargetError, match=words):
            resolve(target, 1, regression)
    assert targets.Probability(0, "sigmoid").bound(regression).value(S) == pytest.approx(P)
