"""Which value holds the class scores, behind whatever a producer puts after them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import onnx
import onnx_ir as ir
import pytest

from onnx_text import model, small
from onnxcam_export import ScoreError
from onnxcam_export.analyse.forward import analyse
from onnxcam_export.analyse.score import find_score, pooled_features
from onnxcam_export.prepare.simplify import simplify
from onnxcam_export.read.files.upgrade import to_standard_form
from onnxcam_export.read.source import read

if TYPE_CHECKING:
    from onnxcam_export.analyse.score import Score


def found(proto: onnx.ModelProto, output: str | None = None) -> Score:
    loaded = ir.from_proto(proto)
    to_standard_form(loaded)
    simplify(loaded)
    return find_score(loaded.graph, output)


HEADS: dict[str, tuple[str, str, str, int, str | None]] = {
    "scores alone": ("float[N,5] s", "s = Gemm(f, w2, b2)", "s", 5, None),
    "softmax": ("float[N,5] y", "s = Gemm(f, w2, b2)\ny = Softmax(s)", "s", 5, "softmax"),
    "log-softmax": ("float[N,5] y", "s = Gemm(f, w2, b2)\ny = LogSoftmax(s)", "s", 5, "softmax"),
    "sigmoid": ("float[N,5] y", "s = Gemm(f, w2, b2)\ny = Sigmoid(s)", "s", 5, "sigmoid"),
    "softmax and identity": (
        "float[N,5] y",
        "s = Gemm(f, w2, b2)\nt = Softmax(s)\ny = Identity(t)",
        "s",
        5,
        "softmax",
    ),
    "softmax and reshape": (
        "float[N,1,5] y",
        "s = Gemm(f, w2, b2)\nt = Softmax(s)\ny = Reshape(t, row)",
        "s",
        5,
        "softmax",
    ),
    "squeezed map": (
        "float[N,4] y",
        "t = Squeeze(p, axes)\ny = Softmax(t)",
        "t",
        4,
        "softmax",
    ),
    "an answer before the scores": (
        "int64[N] a, float[N,5] y",
        "s = Gemm(f, w2, b2)\ny = Softmax(s)\na = ArgMax <axis = 1, keepdims = 0> (y)",
        "s",
        5,
        "softmax",
    ),
    "names of the classes": (
        "string[N] y",
        "s = Gemm(f, w2, b2)\na = ArgMax <axis = 1, keepdims = 0> (s)\ny = Gather(names, a)",
        "s",
        5,
        None,
    ),
    "decisions": ("bool[N,5] y", "s = Gemm(f, w2, b2)\nt = Sigmoid(s)\ny = Greater(t, half)", "s", 5, "sigmoid"),
    "features before the scores": (
        "float[N,4] f, float[N,5] y",
        "s = Gemm(f, w2, b2)\ny = Softmax(s)",
        "s",
        5,
        "softmax",
    ),
}


@pytest.mark.parametrize("head", HEADS)
def test_the_scores_are_found_behind_the_head(head: str) -> None:
    output, text, value, classes, activation = HEADS[head]
    constants = {"row": [0, 1, 5], "axes": [2, 3], "half": np.array(0.5, np.float32)}
    constants["names"] = np.array(list("abcde"), object)
    score = found(small(output, text, weights=constants))
    assert (score.value.name, score.classes, score.activation) == (value, classes, activation)


def test_a_single_sigmoid_is_one_class() -> None:
    score = found(small("float[N,1] y", "s = Gemm(f, w2, b2)\ny = Sigmoid(s)", weights={"w2": (4, 1), "b2": (1,)}))
    assert (score.value.name, score.classes, score.activation) == ("s", 1, "sigmoid")


def test_a_batch_of_one_that_was_squeezed_away_is_found_again() -> None:
    proto = model(
        """g (float[1,3,8,8] x) => (float[5] y) {
            c = Conv(x, w1)
            p = GlobalAveragePool(c)
            f = Flatten(p)
            s = Gemm(f, w2)
            t = Softmax(s)
            y = Squeeze(t, axes)
        }""",
        w1=(4, 3, 3, 3),
        w2=(4, 5),
        axes=[0],
    )
    assert (found(proto).value.name, found(proto).classes) == ("s", 5)


def test_the_user_s_choice_goes_first() -> None:
    proto = small("float[N,5] y, float[N,4] f", "s = Gemm(f, w2, b2)\ny = Softmax(s)")
    assert found(proto, "f").value.name == "f"
    with pytest.raises(ScoreError, match=r"the model has no output 'z'; it has y \[N, 5\], f \[N, 4\]|y \[batch"):
        found(proto, "z")


def test_outputs_that_are_no_numbers_are_not_offered() -> None:
    proto = small("int64[N] a, float[N,4,12,12] r", "a = Cast <to = 7> (f)")
    with pytest.raises(ScoreError, match=r"with score_output \(--score-output\): r \[batch, 4, 12, 12\]$"):
        found(proto)
    with pytest.raises(ScoreError, match=r"\(--score-output\): no output is a tensor of floating-point numbers"):
        found(small("int64[N,4] a", "a = Cast <to = 7> (f)"))


def test_maps_are_no_scores() -> None:
    proto = small("float[N,4,12,12] r", "")
    with pytest.raises(ScoreError, match=r"no output has the shape of class scores, \[N, C\]; name the one to explain"):
        found(proto)


def test_scores_of_any_shape_are_taken_if_they_are_named() -> None:
    score = found(small("float[N,4,12,12] r", ""), "r")
    assert (score.shape, score.classes, score.reason) == ((4, 12, 12), None, "named by the user")


@pytest.mark.parametrize(
    ("head", "has_cam"),
    [
        ("y = Gemm(f, w2, b2)", True),
        ("m = MatMul(f, w2)\ny = Add(m, b2)", True),
        ("k = Conv(p, w3)\ny = Flatten(k)", True),
        ("h = Relu(f)\ny = Gemm(h, w2, b2)", False),
        ("m = MatMul(f, w2)\nn = Add(m, b2)\ny = Mul(n, b2)", False),
    ],
)
def test_class_activation_mapping_needs_a_linear_layer_behind_the_average(head: str, has_cam: bool) -> None:
    loaded = ir.from_proto(small(head=head, weights={"w3": (5, 4, 1, 1)}))
    to_standard_form(loaded)
    simplify(loaded)
    features = pooled_features(find_score(loaded.graph).value)
    assert (features.name if features is not None else None) == ("r" if has_cam else None)


TAILS = {
    "a label": ("int64[N] label", "label = ArgMax <axis = 1, keepdims = 0> (p)"),
    "a confidence": ("float[N] sure", "sure = ReduceMax <keepdims = 0> (p, one)"),
    "a label as a number": ("float[N] label", "i = ArgMax <axis = 1, keepdims = 0> (p) label = Cast <to = 1> (i)"),
    "the best five": ("float[N,5] best, int64[N,5] which", "best, which = TopK <axis = 1> (p, five)"),
}


@pytest.mark.parametrize("tail", TAILS)
def test_labels_confidences_and_ranks_are_no_scores(tail: str) -> None:
    outputs, text = TAILS[tail]
    proto = model(
        f"""g (float[N,8] x) => ({outputs}) {{
            y = MatMul(x, w)
            p = Softmax <axis = 1> (y)
            {text}
        }}""",
        w=(8, 10),
        **({"five": np.array([5])} if "five" in text else {}),
        **({"one": np.array([1])} if "one" in text else {}),
    )
    score = find_score(ir.from_proto(onnx.shape_inference.infer_shapes(proto)).graph)
    assert (score.value.name, score.classes, score.activation) == ("y", 10, "softmax")


def test_several_heads_are_listed() -> None:
    proto = model(
        "g (float[N,8] x) => (float[N,4] a, float[N,3] b) { a = MatMul(x, v) b = MatMul(x, w) }", v=(8, 4), w=(8, 3)
    )
    graph = ir.from_proto(proto).graph
    with pytest.raises(
        ScoreError, match=r"has 2 outputs that could be class scores; choose one .* a \[N, 4\], b \[N, 3\]"
    ):
        find_score(graph)
    assert find_score(graph, "b").classes == 3


@pytest.mark.parametrize("opset", [11, 13])
def test_the_scores_of_steps_are_those_before_the_softmax_in_its_own_shape(opset: int) -> None:
    """A text recogniser's, [N, T, C]: a softmax of older opsets merges its first axes."""
    proto = model(
        """g (float[N,3,8,12] x) => (float[N,M,T] y) {
            c = Conv (x, w)
            t = Transpose <perm = [0, 2, 3, 1]> (c)
            q = Reshape (t, steps)
            s = MatMul (q, head)
            y = Softmax <axis = 2> (s)
        }""",
        opset=opset,
        ir_version=7,
        w=(4, 3, 8, 1),
        steps=[0, -1, 4],
        head=(4, 7),
    )
    score = found(proto, "y")
    assert (score.shape, score.activation) == ((12, 7), "softmax")


def places(outputs: str, tail: str) -> onnx.ModelProto:
    """A network on signals that has a score for each of 12 steps."""
    return model(
        f"""g (float[N,2,12] x) => ({outputs}) {{
            c = Conv <pads = [1, 1]> (x, w)
            r = Relu(c)
            t = Transpose <perm = [0, 2, 1]> (r)
            steps = MatMul(t, one)
            {tail}
        }}""",
        w=(4, 2, 3),
        one=(4, 1),
        **({"classes": (4, 3)} if "classes" in tail else {}),
    )


POOLED = "p = GlobalAveragePool(r) f = Flatten(p) y = MatMul(f, classes)"


def analysed_score(proto: onnx.ModelProto, output: str | None = None) -> Score:
    original = read(proto, None)
    simplify(original.model)
    return analyse(original, {}, output).score


def test_an_axis_of_steps_is_none_of_classes() -> None:
    assert analysed_score(places("float[N,12,1] steps, float[N,3] y", POOLED)).value.name == "y"
    words = r"no output has the shape of class scores, .*: steps \[batch, 12, 1\], both \[batch, 12, 3\]"
    with pytest.raises(ScoreError, match=words):
        analysed_score(places("float[N,12,1] steps, float[N,12,3] both", "both = MatMul(t, classes)"))
    assert analysed_score(places("float[N,12,1] steps", ""), "steps").shape == (12,)


@pytest.mark.parametrize("shape", ["N,4,1", "N,1,4"])
def test_scores_may_have_axes_of_one(shape: str) -> None:
    axes = {"N,4,1": "[0, 1, 2]", "N,1,4": "[0, 2, 1]"}[shape]
    tail = f"p = GlobalAveragePool(r) y = Transpose <perm = {axes}> (p)"
    assert analysed_score(places(f"float[{shape}] y", tail)).classes == 4


def test_of_scores_with_the_batch_on_another_axis_that_is_said() -> None:
    proto = places("float[12,N,1] y", "y = Transpose <perm = [1, 0, 2]> (steps)")
    with pytest.raises(
        ScoreError, match=r"'y' has the shape \[12, batch, 1\] with the batch on axis 1; scores without"
    ):
        analysed_score(proto, "y")
