from onnxcam.metadata import Preprocessing
from onnxcam.photograph.words import in_words


def test_the_steps_in_words():
    assert in_words(None) == "not taken: exported without preprocessing"
    assert in_words(Preprocessing(256, 224, "bicubic", assumed=True)) == (
        "resize 256 bicubic, crop 224, RGB, scale 0.003922, mean 0.485 0.456 0.406, std 0.229 0.224 0.225 (assumed)"
    )
    assert in_words(Preprocessing(None, None, scale=1, mean=(0,), std=(1,), channel_order="L")) == (
        "L, scale 1, mean 0, std 1"
    )
