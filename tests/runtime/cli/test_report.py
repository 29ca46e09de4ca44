import json
import shutil

import pytest


def test_a_report_is_written_twice(onnxcam, model, data, tmp_path):
    output = tmp_path / "r.html"
    result = onnxcam("report", data, "-o", output, "-m", model, "--threads", 1, "--title", "Three photographs")
    assert result.code == 0
    assert result.out.startswith("3 images, deletion ")
    assert result.out.endswith(f"-> {output}, {tmp_path / 'r.json'}\n")
    assert "<h1>Three photographs</h1>" in output.read_text(encoding="utf-8")
    record = json.loads((tmp_path / "r.json").read_bytes())
    assert [item["file"].rpartition("/")[2] for item in record["pictures"]] == [
        "chelsea.jpg",
        "coffee.jpg",
        "rocket.jpg",
    ]
    assert onnxcam("report", data, "-o", output, "-m", model).code == 0  # over one's own


def test_labels_of_folders(onnxcam, model, data, tmp_path):
    for label in ("tabby", "tiger cat"):
        (tmp_path / "photos" / label).mkdir(parents=True)
        shutil.copy(data / "coffee.jpg", tmp_path / "photos" / label)
    output = tmp_path / "r.html"
    arguments = ("-r", "--labels", "folders", "--steps", 0)
    assert onnxcam("report", tmp_path / "photos", "-o", output, "-m", model, *arguments).code == 0
    record = json.loads((tmp_path / "r.json").read_bytes())
    assert [item["true"]["label"] for item in record["pictures"]] == ["tabby, tabby cat", "tiger cat"]
    assert record["summary"]["with_true_class"] == 2
    assert record["faithfulness"] is None


def test_a_damaged_image_is_in_the_report_and_in_the_exit_code(onnxcam, model, data, tmp_path):
    (tmp_path / "broken.jpg").write_bytes(b"x")
    result = onnxcam("report", data / "coffee.jpg", tmp_path / "broken.jpg", "-o", "r.html", "-m", model)
    assert result.code == 2
    assert "broken.jpg" in result.err
    assert result.out.startswith("1 images")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["{data}/coffee.jpg", "-o", "r.pdf"], "a report's name ends in .html"),
        (["{data}/coffee.jpg", "-o", "none/r.html"], "none does not exist"),
        (["{data}/coffee.jpg", "-o", "{mine}"], "onnxcam did not make it; name another file"),
        (["{data}/coffee.jpg", "-o", "r.html", "--method", "magic"], "there is no method 'magic'"),
        (["{data}/coffee.jpg", "-o", "r.html", "--method", "guided-grad-cam"], "lays maps over pictures"),
        (["{data}/coffee.jpg", "-o", "r.html", "--layer", "none"], "'none'"),
        (["{data}/coffee.jpg", "-o", "r.html", "--labels", "none.csv"], "cannot read the labels none.csv"),
        (["none.jpg", "-o", "r.html"], "none.jpg"),
        (["-", "-o", "r.html"], "not of the standard input"),
    ],
)
def test_mistakes_are_one_line(onnxcam, model, data, tmp_path, arguments, words):
    (tmp_path / "mine.html").write_text("my own page")
    names = {"data": data, "mine": tmp_path / "mine.html"}
    given = [text.format(**names) for text in arguments]
    assert words in onnxcam("report", *given, "-m", model).sentence
    assert (tmp_path / "mine.html").read_text() == "my own page"
