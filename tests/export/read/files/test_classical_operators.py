"""Linear operators of scikit-learn's files, after the features of a network."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
import onnxruntime
import pytest

from onnx_text import small
from onnxcam import Explainer
from onnxcam_export import ScoreError, export

if TYPE_CHECKING:
    from pathlib import Path

DOMAIN = "ai.onnx.ml"
RNG = np.random.default_rng(0)
WEIGHTS, BIAS = RNG.standard_normal((3, 4)).astype(np.float32), RNG.standard_normal(3).astype(np.float32)
LINEAR = {
    "coefficients": WEIGHTS.ravel().tolist(),
    "intercepts": BIAS.tolist(),
    "classlabels_strings": ["cat", "dog", "cow"],
}


def ending_in(*nodes: tuple[str, str, list[str], dict[str, Any]]) -> onnx.ModelProto:
    """A network with features f, [N, 4], which go into the nodes; they write the scores y and the label."""
    proto = small("float[N,3] y", "", domains=f', "{DOMAIN}": 3')
    for name, x, outputs, attributes in nodes:
        proto.graph.node.append(onnx.helper.make_node(name, [x], outputs, domain=DOMAIN, **attributes))
    proto.graph.output.append(onnx.helper.make_tensor_value_info("label", onnx.TensorProto.STRING, ["N"]))
    return proto


def explained(proto: onnx.ModelProto, path: Path) -> np.ndarray:
    """The gradients at the layer r of the three classes; all outputs are those of the original."""
    export(proto, path, layers="r")
    image = np.random.default_rng(1).standard_normal((3, 3, 12, 12)).astype(np.float32)
    names = [value.name for value in proto.graph.output]
    expected, got = (
        onnxruntime.InferenceSession(file, providers=["CPUExecutionProvider"]).run(names, {"x": image})
        for file in (proto.SerializeToString(), str(path))
    )
    for a, b in zip(expected, got, strict=True):
        assert np.array_equal(a, b) if a.dtype.kind == "O" else np.allclose(a, b, rtol=1e-5)
    return Explainer(path).run(image, [0, 1, 2]).gradients["r"]


def test_a_linear_support_vector_machine(tmp_path: Path) -> None:
    proto = ending_in(("LinearClassifier", "f", ["label", "y"], LINEAR))
    gradients = explained(proto, tmp_path / "out.onnx")
    np.testing.assert_allclose(gradients, np.broadcast_to(WEIGHTS[:, :, None, None] / 144, (3, 4, 12, 12)), rtol=1e-5)


def test_a_logistic_regression_is_explained_before_its_softmax(tmp_path: Path) -> None:
    proto = ending_in(
        ("Scaler", "f", ["s"], {"offset": [0.5, 0.25, 0.0, 1.0], "scale": [2.0, 1.0, 0.5, 4.0]}),
        ("LinearClassifier", "s", ["label", "q"], {**LINEAR, "post_transform": "SOFTMAX"}),
        ("Normalizer", "q", ["y"], {"norm": "L1"}),
    )
    gradients = explained(proto, tmp_path / "out.onnx")
    expected = WEIGHTS * np.array([2.0, 1.0, 0.5, 4.0]) / 144
    np.testing.assert_allclose(gradients, np.broadcast_to(expected[:, :, None, None], (3, 4, 12, 12)), rtol=1e-5)


@pytest.mark.parametrize("norm", ["L1", "L2"])
def test_normalised_features(norm: str, tmp_path: Path) -> None:
    """The gradients are compared with differences by the export."""
    proto = ending_in(("Normalizer", "f", ["n"], {"norm": norm}), ("LinearClassifier", "n", ["label", "y"], LINEAR))
    assert explained(proto, tmp_path / "out.onnx").any()


def test_the_probabilities_as_maps_are_scores(tmp_path: Path) -> None:
    proto = ending_in(
        ("LinearClassifier", "f", ["label", "q"], {**LINEAR, "post_transform": "LOGISTIC"}),
        ("ZipMap", "q", ["y"], {"classlabels_strings": LINEAR["classlabels_strings"]}),
    )
    proto.graph.output[0].type.CopyFrom(
        onnx.helper.make_sequence_type_proto(
            onnx.helper.make_map_type_proto(
                onnx.TensorProto.STRING, onnx.helper.make_tensor_type_proto(onnx.TensorProto.FLOAT, [])
            )
        )
    )
    report = export(proto, tmp_path / "out.onnx", layers="r")
    assert (report.metadata.classes, report.metadata.score_activation) == (3, "sigmoid")
    export(proto, tmp_path / "out.onnx", layers="r", score_output="y")


def test_other_operators_are_named(tmp_path: Path) -> None:
    proto = ending_in(("Normalizer", "f", ["n"], {"norm": "MAX"}), ("LinearClassifier", "n", ["label", "y"], LINEAR))
    with pytest.raises(ScoreError, match=r"lost at ai\.onnx\.ml::Normalizer node"):
        export(proto, tmp_path / "out.onnx")
