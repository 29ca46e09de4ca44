import json
import re

import pytest

from onnxcam import Explainer


def test_the_table_and_the_verdicts(onnxcam, model, data):
    result = onnxcam("sanity", model, data / "coffee.jpg", data / "rocket.jpg", "--threads", 1)
    assert (result.code, result.err) == (0, "")
    assert "mean of 2 images with 95% bootstrap intervals" in result.out
    assert re.search(r"^EigenCAM +1\.00 \[1\.00, 1\.00\] ", result.out, re.MULTILINE)
    assert "1 and all 2 layers were permuted" in result.out
    assert "EigenCAM does not change when the classifier is randomised: read it as where the network responds" in (
        result.out
    )


def test_json_has_the_curves_and_the_verdict(onnxcam, model, data):
    record = json.loads(onnxcam("sanity", model, data / "coffee.jpg", "--json").out)
    assert (record["depths"], record["layers"], record["pictures"]) == ([1, 2], ["fc_weight", "conv_weight"], 1)
    method = record["methods"]["eigen-cam"]
    same = {"mean": 1, "low": 1, "high": 1}
    assert (method["classes"], method["rank_correlation"][0], method["grade"]) == (same, same, "does not")
    assert record["images"] == [str(data / "coffee.jpg")]


def test_a_copy_carries_the_result(onnxcam, model, data, tmp_path):
    before, output = model.read_bytes(), tmp_path / "checked.onnx"
    record = json.loads(onnxcam("sanity", model, data / "coffee.jpg", "--json", "--write", output).out)
    sanity = Explainer(output).metadata.sanity
    assert sanity.pictures == 1
    assert sanity.methods["grad-cam"].classes == record["methods"]["grad-cam"]["classes"]["mean"]
    assert sanity.methods["grad-cam"].network == record["methods"]["grad-cam"]["rank_correlation"][-1]["mean"]
    assert model.read_bytes() == before
    out = onnxcam("inspect", output).out
    assert "sanity       checked with 1 images by onnxcam" in out
    assert "EigenCAM does not change" in out
    assert "sanity" not in onnxcam("inspect", model).out
    assert onnxcam("adapt", output, "-o", tmp_path / "fixed.onnx", "--level", 1).code == 0
    assert Explainer(tmp_path / "fixed.onnx").metadata.sanity == sanity


def test_of_many_images_some_are_taken(onnxcam, model, data):
    result = onnxcam("sanity", model, data, "--pictures", 2, "--json")
    assert result.err == "onnxcam: 2 of 3 images are taken; see --pictures\n"
    assert [name.rpartition("/")[2] for name in json.loads(result.out)["images"]] == ["chelsea.jpg", "coffee.jpg"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["{data}/pooled.onnx"], "no image is named; the checks need a few of the kind that the model was made for"),
        (["{data}/pooled.onnx", "{data}/none.jpg"], "there is no image"),
        (["{data}/pooled.onnx", "-"], "not the standard input"),
        (["{data}/pooled.onnx", "{here}/here"], "holds no images"),
        (["{data}/toy.onnx", "{data}/coffee.jpg"], "exported without preprocessing"),
        (["{here}/odd.onnx", "{data}/coffee.jpg"], "is not a model that ONNX Runtime can load"),
        (["none.onnx", "{data}/coffee.jpg"], "there is no model none.onnx"),
        (["{data}/pooled.onnx", "{data}/coffee.jpg", "--write", "{data}/pooled.onnx"], "which is read"),
        (["{data}/pooled.onnx", "{data}/coffee.jpg", "--write", "out.txt"], "name ends in .onnx"),
        (["{data}/pooled.onnx", "{data}/coffee.jpg", "--write", "none/out.onnx"], "none does not exist"),
    ],
)
def test_mistakes_are_one_line(onnxcam, data, tmp_path, arguments, words):
    content = (data / "pooled.onnx").read_bytes()
    (tmp_path / "odd.onnx").write_bytes(content.replace(b"\x22\x04Conv", b"\x22\x04Conw"))  # an operator that is none
    names = {"data": data, "here": tmp_path}
    assert words in onnxcam("sanity", *(text.format(**names) for text in arguments)).sentence
