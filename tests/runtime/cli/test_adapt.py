import json

from onnxcam import Explainer


def test_a_form_is_written_and_named(onnxcam, data, tmp_path):
    output = tmp_path / "answers.onnx"
    result = onnxcam("adapt", data / "pooled.onnx", "-o", output, "--level", 0)
    assert (result.code, result.err) == (0, "")
    assert result.out.startswith(f"saved {output}: fixed at level 0, ")
    assert Explainer(output).metadata.level == 0
    assert "fixed at level 0" in onnxcam("inspect", output).out


def test_mistakes_are_one_line(onnxcam, data, tmp_path):
    model, output = data / "toy.onnx", tmp_path / "out.onnx"
    copy = tmp_path / "in.onnx"
    copy.write_bytes(model.read_bytes())
    for arguments, words in [
        ((model, "-o", output), "no form is named; give --inputs required, --level, or both"),
        ((copy, "-o", copy, "--level", 0), "which is read; name another file"),
        ((model, "-o", tmp_path / "out.txt", "--level", 0), "an explainer model's name ends in .onnx"),
        ((tmp_path / "none.onnx", "-o", output, "--level", 0), "there is no model"),
        ((data / "flat.onnx", "-o", output, "--level", 0), "it is flat"),
    ]:
        result = onnxcam("adapt", *arguments)
        assert result.code == 2
        assert words in result.err
        assert result.err.count("\n") == 1
    assert copy.read_bytes() == model.read_bytes()
    assert not output.exists()


def test_a_model_at_level_1_is_explained_by_grad_cam_alone(onnxcam, data, tmp_path):
    model, output = tmp_path / "level1.onnx", tmp_path / "out.png"
    onnxcam("adapt", data / "pooled.onnx", "-o", model, "--level", 1)
    result = onnxcam("explain", data / "coffee.jpg", "-m", model, "-o", output, "--json")
    assert result.code == 0
    assert list(json.loads(result.out)["explained"][0]["methods"]) == ["grad-cam"]
    refused = onnxcam("explain", data / "coffee.jpg", "-m", model, "-o", output, "--method", "guided-backprop")
    assert refused.code == 2
    assert "this model is fixed at level 1, and guided-backprop needs level 2" in refused.err
    unverified = onnxcam("verify", model)
    assert unverified.code == 2
    assert "verify the one it was adapted from" in unverified.err
