import pytest

import onnxcam
from onnxcam.errors import ModelError
from onnxcam.execution import bundled, golden
from onnxcam.execution.model import LoadedModel


@pytest.fixture(scope="module")
def default() -> onnxcam.Explainer:
    return onnxcam.Explainer()


@pytest.mark.parametrize(
    ("name", "classes"), [("chelsea", {281, 282, 285}), ("coffee", {504, 967}), ("rocket", {657, 744})]
)
def test_the_default_model_knows_a_cat_a_coffee_and_a_missile(default, data, name, classes):
    explanation = default.explain(data / f"{name}.jpg")
    assert set(explanation.class_index.tolist()) <= classes
    assert explanation.guided_grad_cam().any()


def test_the_default_model_passes_its_golden_check():
    assert all(item.passed for item in golden.check(LoadedModel()))


def test_the_package_goes_before_the_checkout(monkeypatch, tmp_path):
    package, checkout = tmp_path / "onnxcam", tmp_path
    for folder in (package, checkout):
        (folder / "models").mkdir(parents=True)
    monkeypatch.setattr(bundled, "__file__", str(package / "execution" / "bundled.py"))
    with pytest.raises(ModelError, match=r"lacks the default model efficientnet_lite0\.onnx"):
        bundled.default_model()
    (checkout / "models" / bundled.NAME).touch()
    assert bundled.default_model() == checkout / "models" / bundled.NAME
    (package / "models" / bundled.NAME).touch()
    assert bundled.default_model() == package / "models" / bundled.NAME
