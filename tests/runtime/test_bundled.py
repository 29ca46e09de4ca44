import pytest

from onnxcam import bundled
from onnxcam.errors import ModelError


def test_the_package_goes_before_the_checkout(monkeypatch, tmp_path):
    package, checkout = tmp_path / "onnxcam", tmp_path
    for folder in (package, checkout):
        (folder / "models").mkdir(parents=True)
    monkeypatch.setattr(bundled, "__file__", str(package / "bundled.py"))
    with pytest.raises(ModelError, match=r"lacks the default model efficientnet_lite0\.onnx"):
        bundled.default_model()
    (checkout / "models" / bundled.NAME).touch()
    assert bundled.default_model() == checkout / "models" / bundled.NAME
    (package / "models" / bundled.NAME).touch()
    assert bundled.default_model() == package / "models" / bundled.NAME
