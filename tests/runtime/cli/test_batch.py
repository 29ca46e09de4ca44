import importlib.util

import pytest

pytestmark = pytest.mark.skipif(importlib.util.find_spec("ray") is not None, reason="Ray is here: make test-batch")


def test_without_ray_the_command_says_how_to_install_it(onnxcam, data):
    sentence = onnxcam("batch", data, "out.parquet").sentence
    assert "pip install 'onnxcam[batch]'" in sentence
    assert "there is no ray" in sentence or "there is no pyarrow" in sentence


def test_mistakes_that_need_no_ray_come_first(onnxcam, data, model):
    for arguments, words in [
        (("", "out.parquet"), "the name of the source is empty"),
        ((data, "out.parquet", "-m", data / "none.onnx"), "there is no model"),
        ((data, "out.parquet", "-m", model, "--target", "giraffe"), "giraffe"),
        ((data, "out.parquet", "--level", 3), "--level"),
    ]:
        assert words in onnxcam("batch", *arguments).sentence
