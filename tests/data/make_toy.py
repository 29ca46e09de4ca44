"""Writes the small explainer models that the runtime's tests use: ``python tests/data/make_toy.py``.

``toy.onnx`` is captum's toy network (Conv, ReLU, Linear, ReLU), whose explanations are published numbers.
``pooled.onnx`` is a network with labels and preprocessing that ends in global average pooling and a linear layer, so it
has a CAM; ``flat.onnx`` is the same network without gates and with the channels last. ``plain.onnx`` is the toy network
with the plain gradient at its input, and ``endless.onnx`` one that never comes to its scores.

Their gradients are written down by hand, as plainly as the contract allows: they share nothing with the export's
differentiation engine. Needs onnx; the tests do not.
"""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
from onnx import numpy_helper, parser

from onnxcam.contract import METADATA_KEY
from onnxcam.execution import golden
from onnxcam.metadata import Golden, ImageInput, Layer, Metadata, Preprocessing, Source

HERE = Path(__file__).parent

# From the scores [N, C] and onnxcam.target [T] to the seed: one row of zeros and a one for each explained class [M, C].
TARGETS = """
    "onnxcam.scores" = Identity(score)
    scores_shape = Shape("onnxcam.scores")
    batch, classes = Split<num_outputs = 2>(scores_shape)
    targets = Shape("onnxcam.target")
    rows = Max(batch, targets)
    sorted_scores, sorted_classes = TopK("onnxcam.scores", classes)
    rows_by_classes = Concat<axis = 0>(rows, classes)
    choices = Expand(sorted_classes, rows_by_classes)
    from_top = Sub(minus_one, "onnxcam.target")
    rank = Max(from_top, zero)
    ranks = Expand(rank, rows)
    rank_column = Unsqueeze(ranks, axis_one)
    ranked_column = GatherElements<axis = 1>(choices, rank_column)
    ranked = Squeeze(ranked_column, axis_one)
    is_rank = Less("onnxcam.target", zero)
    "onnxcam.class_index" = Where(is_rank, ranked, "onnxcam.target")
    seed = OneHot("onnxcam.class_index", classes, zero_and_one)
"""
CONSTANTS = """
    int64[1] minus_one = {-1}, int64[1] zero = {0}, int64[1] axis_one = {1}, float[2] zero_and_one = {0.0, 1.0},
    int64 one = {1}, int64 two = {2}
"""

TOY = f"""
<ir_version: 10, opset_import: ["" : 20]>
toy (float[N,1,4,4] input, int64 "onnxcam.level", int64[T] "onnxcam.target") => (
    float[N,4] output, float[N,4] "onnxcam.scores", int64[M] "onnxcam.class_index",
    float[A,2,2,2] "onnxcam.activations/conv1", float[A,2,2,2] "onnxcam.activations/relu1",
    float[B,2,2,2] "onnxcam.gradients/conv1", float[B,2,2,2] "onnxcam.gradients/relu1",
    float[G,1,4,4] "onnxcam.guided_gradients")
< int64 "onnxcam.level" = {{0}}, int64[1] "onnxcam.target" = {{-1}}, {CONSTANTS},
  int64[4] none = {{0,2,2,2}}, int64[4] no_image = {{0,1,4,4}}, int64[4] as_maps = {{0,2,2,2}} >
{{
    conv1 = Conv(input, conv_weight, conv_bias)
    relu1 = Relu(conv1)
    flat = Flatten(relu1)
    fc1 = Gemm<transB = 1>(flat, fc_weight)
    output = Relu(fc1)
    score = Identity(output)
    {TARGETS}
    wants_gradients = GreaterOrEqual("onnxcam.level", one)
    "onnxcam.activations/conv1", "onnxcam.activations/relu1", "onnxcam.gradients/conv1", "onnxcam.gradients/relu1"
        = If(wants_gradients) <
        then_branch = gradients () => (
            float[n,2,2,2] a_conv1, float[n,2,2,2] a_relu1, float[m,2,2,2] d_conv1, float[m,2,2,2] d_relu1) {{
            a_conv1 = Identity(conv1)
            a_relu1 = Identity(relu1)
            sign_output = Sign(output)
            d_fc1 = Mul(seed, sign_output)
            d_flat = MatMul(d_fc1, fc_weight)
            d_relu1 = Reshape(d_flat, as_maps)
            sign_relu1 = Sign(relu1)
            d_conv1 = Mul(d_relu1, sign_relu1)
        }},
        else_branch = nothing () => (
            float[k,2,2,2] e_conv1, float[k,2,2,2] e_relu1, float[k,2,2,2] f_conv1, float[k,2,2,2] f_relu1) {{
            e_conv1 = ConstantOfShape(none)
            e_relu1 = ConstantOfShape(none)
            f_conv1 = ConstantOfShape(none)
            f_relu1 = ConstantOfShape(none)
        }} >
    wants_guided = GreaterOrEqual("onnxcam.level", two)
    "onnxcam.guided_gradients" = If(wants_guided) <
        then_branch = guided () => (float[m,1,4,4] g_input) {{
            g_sign_output = Sign(output)
            g_fc1 = Mul(seed, g_sign_output)
            g_flat = MatMul(g_fc1, fc_weight)
            g_relu1 = Reshape(g_flat, as_maps)
            g_positive = Relu(g_relu1)
            g_sign_relu1 = Sign(relu1)
            g_conv1 = Mul(g_positive, g_sign_relu1)
            g_input = ConvTranspose(g_conv1, conv_weight)
        }},
        else_branch = no_guided () => (float[k,1,4,4] g_nothing) {{ g_nothing = ConstantOfShape(no_image) }} >
}}
"""

POOLED = f"""
<ir_version: 10, opset_import: ["" : 20]>
pooled (float[N,3,8,8] image, int64 "onnxcam.level", int64[T] "onnxcam.target") => (
    float[N,5] probabilities, float[N,5] "onnxcam.scores", int64[M] "onnxcam.class_index",
    float[A,4,8,8] "onnxcam.activations/features", float[B,4,8,8] "onnxcam.gradients/features",
    float[G,3,8,8] "onnxcam.guided_gradients")
< int64 "onnxcam.level" = {{0}}, int64[1] "onnxcam.target" = {{-1}}, {CONSTANTS},
  int64[4] none = {{0,4,8,8}}, int64[4] no_image = {{0,3,8,8}}, int64[2] space = {{2,3}}, float pixels = {{64.0}} >
{{
    conv = Conv<pads = [1,1,1,1]>(image, conv_weight)
    features = Relu(conv)
    pool = GlobalAveragePool(features)
    flat = Flatten(pool)
    logits = Gemm<transB = 1>(flat, fc_weight, fc_bias)
    probabilities = Softmax<axis = 1>(logits)
    score = Identity(logits)
    {TARGETS}
    wants_gradients = GreaterOrEqual("onnxcam.level", one)
    "onnxcam.activations/features", "onnxcam.gradients/features" = If(wants_gradients) <
        then_branch = gradients () => (float[n,4,8,8] a_features, float[m,4,8,8] d_features) {{
            a_features = Identity(features)
            d_flat = MatMul(seed, fc_weight)
            d_sum = Unsqueeze(d_flat, space)
            d_mean = Div(d_sum, pixels)
            d_shape = Shape(features)
            d_features = Expand(d_mean, d_shape)
        }},
        else_branch = nothing () => (float[k,4,8,8] e_features, float[k,4,8,8] f_features) {{
            e_features = ConstantOfShape(none)
            f_features = ConstantOfShape(none)
        }} >
    wants_guided = GreaterOrEqual("onnxcam.level", two)
    "onnxcam.guided_gradients" = If(wants_guided) <
        then_branch = guided () => (float[m,3,8,8] g_image) {{
            g_flat = MatMul(seed, fc_weight)
            g_sum = Unsqueeze(g_flat, space)
            g_mean = Div(g_sum, pixels)
            g_positive = Relu(g_mean)
            g_mask = Sign(features)
            g_conv = Mul(g_positive, g_mask)
            g_image = ConvTranspose<pads = [1,1,1,1]>(g_conv, conv_weight)
        }},
        else_branch = no_guided () => (float[k,3,8,8] g_nothing) {{ g_nothing = ConstantOfShape(no_image) }} >
}}
"""


FLAT = f"""
<ir_version: 10, opset_import: ["" : 20]>
flat (float[N,8,8,3] image, int64[T] "onnxcam.target") => (
    float[N,5] probabilities, float[N,5] "onnxcam.scores", int64[M] "onnxcam.class_index",
    float[N,4,8,8] "onnxcam.activations/features", float[M,4,8,8] "onnxcam.gradients/features",
    float[M,8,8,3] "onnxcam.guided_gradients")
< int64[1] "onnxcam.target" = {{-1}}, {CONSTANTS}, int64[2] space = {{2,3}}, float pixels = {{64.0}} >
{{
    channels_first = Transpose<perm = [0,3,1,2]>(image)
    conv = Conv<pads = [1,1,1,1]>(channels_first, conv_weight)
    features = Relu(conv)
    pool = GlobalAveragePool(features)
    flat = Flatten(pool)
    logits = Gemm<transB = 1>(flat, fc_weight, fc_bias)
    probabilities = Softmax<axis = 1>(logits)
    score = Identity(logits)
    {TARGETS}
    "onnxcam.activations/features" = Identity(features)
    d_flat = MatMul(seed, fc_weight)
    d_sum = Unsqueeze(d_flat, space)
    d_mean = Div(d_sum, pixels)
    d_shape = Shape(features)
    "onnxcam.gradients/features" = Expand(d_mean, d_shape)
    positive = Relu(d_mean)
    mask = Sign(features)
    g_conv = Mul(positive, mask)
    g_image = ConvTranspose<pads = [1,1,1,1]>(g_conv, conv_weight)
    "onnxcam.guided_gradients" = Transpose<perm = [0,2,3,1]>(g_image)
}}
"""

# Without its ReLU, guided backpropagation is the plain gradient.
PLAIN = TOY.replace("g_positive = Relu(g_relu1)", "g_positive = Identity(g_relu1)").replace(
    "onnxcam.guided_gradients", "onnxcam.input_gradients"
)

ENDLESS = TOY.replace(
    "score = Identity(output)",
    """score = Loop(trips, yes, output) <
        body = turn (int64 count, bool go, float[n,4] before) => (bool on, float[n,4] after) {
            on = Identity(go)
            after = Neg(before)
        } >""",
).replace("int64[4] none", "int64 trips = {4611686018427387904}, bool yes = {1}, int64[4] none")


def toy_weights() -> dict[str, np.ndarray]:
    """As in captum's ``BasicModel_ConvNet_One_Conv``."""
    return {
        "conv_weight": np.ones((2, 1, 3, 3), np.float32),
        "conv_bias": np.array([-50, -75], np.float32),
        "fc_weight": np.tile(np.array([1, 1, 1, 1, 1, -1, -1, -1], np.float32), (4, 1)),
    }


def pooled_weights() -> dict[str, np.ndarray]:
    rng = np.random.default_rng(0)
    return {
        "conv_weight": rng.normal(size=(4, 3, 3, 3)).astype(np.float32),
        "fc_weight": (4 * rng.normal(size=(5, 4))).astype(np.float32),
        "fc_bias": rng.normal(size=5).astype(np.float32),
    }


TOY_METADATA = Metadata(
    image=ImageInput(name="input", layout="NCHW", channels=1, height=4, width=4),
    layers=(Layer("relu1", "relu1", (2, 2, 2)), Layer("conv1", "conv1", (2, 2, 2))),
    cam_layer=None,
    classes=4,
    labels=None,
    score_value="output",
    score_activation=None,
    flat=False,
    preprocessing=None,
    source=Source("hand-written", "captum's toy network", "make_toy.py"),
)
PLAIN_METADATA = dataclasses.replace(TOY_METADATA, input_gradient="plain")
POOLED_METADATA = Metadata(
    image=ImageInput(name="image", layout="NCHW", channels=3, height=8, width=8),
    layers=(Layer("features", "features", (4, 8, 8)),),
    cam_layer="features",
    classes=5,
    labels=("tabby, tabby cat", "tiger cat", "crane", "crane", "tiger, Panthera tigris"),
    score_value="logits",
    score_activation="softmax",
    flat=False,
    preprocessing=Preprocessing(resize=10, crop=8, mean=(0.5, 0.5, 0.5), std=(0.25, 0.25, 0.25)),
    source=Source("hand-written", "a pooled network", "make_toy.py"),
)
FLAT_METADATA = dataclasses.replace(
    POOLED_METADATA,
    image=ImageInput(name="image", layout="NHWC", channels=3, height=8, width=8),
    flat=True,
    source=Source("hand-written", "a pooled network, flat", "make_toy.py"),
)


def write(text: str, weights: dict[str, np.ndarray], metadata: Metadata, path: Path) -> None:
    """Checks the model, adds the golden answers of its own first run if it ends, and saves it."""
    model = parser.parse_model(text)
    model.graph.initializer.extend(numpy_helper.from_array(value, name) for name, value in weights.items())
    onnx.checker.check_model(model, full_check=True)
    if path.name != "endless.onnx":
        metadata = dataclasses.replace(metadata, golden=answers(model, metadata))
    model.metadata_props.add(key=METADATA_KEY, value=metadata.to_json())
    onnx.save(model, path)


def answers(model: onnx.ModelProto, metadata: Metadata) -> Golden:
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    layer = metadata.layers[0].name
    image = golden.golden_input((1, *metadata.image.shape))
    feed = {metadata.image.name: image, "onnxcam.target": np.array([0])}
    if not metadata.flat:
        feed["onnxcam.level"] = np.array(2)
    names = ["onnxcam.scores", *(f"onnxcam.{kind}/{layer}" for kind in ("activations", "gradients"))]
    scores, activations, gradients, guided = session.run([*names, metadata.input_gradient_output], feed)
    grad_cam = np.einsum("mk,mkhw->mhw", gradients.mean((2, 3)), activations)
    tolerances = {"scores": 1e-4, "grad_cam": 1e-3, "guided_backprop": 1e-3}
    return Golden(0, golden.sample(scores), layer, golden.sample(grad_cam), golden.sample(guided), tolerances)


if __name__ == "__main__":
    write(TOY, toy_weights(), TOY_METADATA, HERE / "toy.onnx")
    write(PLAIN, toy_weights(), PLAIN_METADATA, HERE / "plain.onnx")
    write(ENDLESS, toy_weights(), TOY_METADATA, HERE / "endless.onnx")
    write(FLAT, pooled_weights(), FLAT_METADATA, HERE / "flat.onnx")
    write(POOLED, pooled_weights(), POOLED_METADATA, HERE / "pooled.onnx")
