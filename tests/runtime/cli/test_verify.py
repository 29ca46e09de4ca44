import dataclasses
import json


def test_a_good_model(onnxcam, data):
    result = onnxcam("verify", data / "pooled.onnx", "--provider", "cpu", "--threads", 1)
    assert (result.code, result.err) == (0, "")
    assert [line.split()[-1] for line in result.out.splitlines()[2:]] == ["ok"] * 3


def test_a_model_that_answers_differently(onnxcam, rewritten, pooled, tmp_path):
    golden = dataclasses.replace(pooled.metadata.golden, scores=tuple(x + 1 for x in pooled.metadata.golden.scores))
    (tmp_path / "m.onnx").write_bytes(rewritten("pooled", golden=golden))
    result = onnxcam("verify", tmp_path / "m.onnx")
    assert result.code == 1
    assert "FAILED" in result.out
    assert result.err.startswith("onnxcam: ")
    assert "differs from its export in scores" in result.err
    assert result.err.count("\n") == 1
    record = json.loads(onnxcam("verify", tmp_path / "m.onnx", "--json").out)
    assert [item["passed"] for item in record["outputs"]] == [False, True, True]


def test_a_model_without_golden_answers(onnxcam, rewritten, tmp_path):
    (tmp_path / "m.onnx").write_bytes(rewritten("pooled", golden=None))
    result = onnxcam("verify", tmp_path / "m.onnx")
    assert result.code == 2
    assert "carries no golden answers" in result.err
