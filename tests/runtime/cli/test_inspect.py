import json

from onnxcam.metadata import Metadata, Verification


def test_facts(onnxcam, data):
    out = onnxcam("inspect", data / "pooled.onnx").out
    for words in (
        "image: float32 [N, 3, 8, 8] NCHW",
        "resize 10 bilinear, crop 8, RGB",
        "5, labelled",
        "logits, before softmax",
        "features [4, 8, 8] default, CAM",
        "levels 0, 1 and 2",
    ):
        assert words in out


def test_facts_of_other_models(onnxcam, data):
    assert "exported without preprocessing" in onnxcam("inspect", data / "toy.onnx").out
    assert "everything is always computed" in onnxcam("inspect", data / "flat.onnx").out


def test_a_gradient_at_the_input_that_is_not_guided(onnxcam, data):
    assert "plain, not guided" in onnxcam("inspect", data / "plain.onnx").out
    assert "input gradient" not in onnxcam("inspect", data / "toy.onnx").out


def test_what_was_verified(onnxcam, rewritten, tmp_path):
    verification = Verification("PyTorch", {"onnxcam.scores": 1.25e-7}, {"onnxcam.scores": 1e-4}, ("a note",))
    (tmp_path / "m.onnx").write_bytes(rewritten("pooled", verification=verification))
    out = onnxcam("inspect", tmp_path / "m.onnx").out
    assert "against PyTorch" in out
    assert "onnxcam.scores: relative error 1.2e-07, allowed 1e-04" in out
    assert "a note" in out


def test_json_is_the_metadata(onnxcam, data, pooled):
    out = onnxcam("inspect", data / "pooled.onnx", "--json").out
    assert Metadata.from_json(out) == pooled.metadata
    assert json.loads(out)["schema"] == 1


def test_labels(onnxcam, data):
    assert onnxcam("inspect", data / "pooled.onnx", "--labels").out.splitlines()[1].split(maxsplit=1) == [
        "1",
        "tiger cat",
    ]
    assert len(onnxcam("inspect", data / "toy.onnx", "--labels").out.splitlines()) == 4
