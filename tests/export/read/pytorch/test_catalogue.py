from __future__ import annotations

import pytest

from onnxcam.metadata import Preprocessing
from onnxcam_export import SourceError
from onnxcam_export.read.pytorch.catalogue import Named, load


def test_the_packages_preprocessing_follows_the_input_size():
    named = Named(None, "m", (3, 224, 224), Preprocessing(256, 224))
    assert named.preprocessing_at((3, 224, 224)) == Preprocessing(256, 224)
    assert named.preprocessing_at((3, 64, 96)) == Preprocessing(110, (64, 96))
    assert Named(None, "m", (3, 8, 9), Preprocessing((8, 9), None)).preprocessing_at((3, 4, 5)).resize == (4, 5)
    assert Named(None, "m").preprocessing_at((3, 4, 5)) is None


def test_timms_configuration_follows_the_input_size():
    config = {"input_size": (3, 224, 224), "crop_pct": 0.9}
    named = Named(None, "m", (3, 224, 224), config)
    assert named.preprocessing_at(None) is config
    assert named.preprocessing_at((3, 64, 64)) == {"input_size": (3, 64, 64), "crop_pct": 0.9}


@pytest.mark.parametrize("name", ["torchvision:squeezenet1_1", "timm:test_resnet"])
def test_classes_make_a_new_last_layer_without_the_packages_labels(name):
    named = load(name, classes=5)
    assert named.labels is None
    assert 5 in {parameter.shape[0] for parameter in named.source.parameters()}
    with pytest.raises(SourceError, match=r"--classes makes a new last layer, which .* has no weights for"):
        load(name, classes=5, pretrained=True)


def test_classes_are_no_option_for_a_file():
    with pytest.raises(SourceError, match="--classes are for PyTorch models"):
        load("m.onnx", classes=5)
