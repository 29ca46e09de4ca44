"""The report's figures against those of an explainer of one's own, and its page against hostile text."""

import base64
import hashlib
import io
import json
import re
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import onnxcam
from onnxcam.errors import MethodError, ModelError, PictureError
from onnxcam.metadata import MethodSanity, Sanity
from onnxcam.reporting.build import Settings, make_report, write_report

HOSTILE = '</script><img src=x onerror="alert(1)">'


@pytest.fixture
def pictures(data, tmp_path):
    folder = tmp_path / "pictures"
    folder.mkdir()
    (folder / "coffee.jpg").write_bytes((data / "coffee.jpg").read_bytes())
    (folder / "<b>'&\".jpg").write_bytes((data / "rocket.jpg").read_bytes())
    (folder / "broken.jpg").write_bytes(b"no picture")
    return sorted(folder.iterdir())


@pytest.fixture
def model(rewritten, tmp_path):
    path = tmp_path / "model.onnx"
    sanity = Sanity(3, {"grad-cam": MethodSanity(0.1, 0.2, 0.3, 0.0), "eigen-cam": MethodSanity(1.0, 1.0, 1.0, 0.2)})
    labels = ("tabby", "tiger cat", HOSTILE, "dog", "bird")
    path.write_bytes(rewritten("pooled", labels=labels, sanity=sanity))
    return path


@pytest.fixture
def written(model, pictures, tmp_path):
    true = {path: 2 for path in pictures if path.name == "coffee.jpg"}
    report = make_report(model, pictures, true, Settings(f"Title {HOSTILE}", steps=4, threads=1))
    html, twin = write_report(report, tmp_path / "report.html")
    return report, html.read_text(encoding="utf-8"), json.loads(twin.read_bytes()), twin.read_bytes()


class Tags(HTMLParser):
    def __init__(self, html):
        super().__init__()
        self.found, self.texts = [], []
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.found.append((tag, dict(attrs)))

    def handle_data(self, data):
        self.texts.append(data)


def test_the_figures_are_those_of_the_explainer(written, model, pictures):
    _, _, twin, _ = written
    coffee = next(path for path in pictures if path.name == "coffee.jpg")
    record = next(item for item in twin["pictures"] if item["file"] == str(coffee))
    explanation = onnxcam.Explainer(model).explain(coffee, [-1, 2])
    assert [item["label"] for item in record["top"]] == [item.label for item in explanation.top(5)]
    assert record["top"][0]["probability"] == pytest.approx(explanation.top(1)[0].probability)
    assert (record["true"]["index"], record["mistake"]) == (2, explanation.class_index[0] != 2)
    assert record["sha256"] == hashlib.sha256(coffee.read_bytes()).hexdigest()
    with Image.open(coffee) as image:
        assert record["size"] == list(image.size)
    values = explanation.map("grad-cam")[0]
    assert record["explained"][0]["map"]["maximum"] == pytest.approx(float(values.max()), rel=1e-5)
    assert twin["model"]["sha256"] == hashlib.sha256(model.read_bytes()).hexdigest()


def test_a_mistake_explains_the_true_class_too(written):
    report, _, twin, _ = written
    records = {Path(item["file"]).name: item for item in twin["pictures"]}
    assert [one["why"] for one in records["coffee.jpg"]["explained"]] == (
        ["the top-scoring class", "the true class"] if records["coffee.jpg"]["mistake"] else ["the top-scoring class"]
    )
    assert [one["why"] for one in records["<b>'&\".jpg"]["explained"]] == ["the top-scoring class"]
    assert report.summary["with_true_class"] == 1
    assert (report.summary["pictures"], report.summary["failed"]) == (2, 1)


def test_faithfulness_is_that_of_the_curves(written, model, pictures):
    _, _, twin, _ = written
    coffee = next(path for path in pictures if path.name == "coffee.jpg")
    record = next(item for item in twin["pictures"] if item["file"] == str(coffee))
    explainer = onnxcam.Explainer(model)
    explanation = explainer.explain(coffee)
    values = np.repeat(explanation.map("grad-cam")[0], 1)  # the layer has the input's size, 8 x 8
    order = np.argsort(-values, kind="stable")
    image = explanation.tensor.reshape(3, 64)
    curve = []
    for count in (0, 16, 32, 48, 64):
        left = image.copy()
        left[:, order[:count]] = 0
        curve.append(explainer.run(left.reshape(1, 3, 8, 8), level=0).probabilities[0, explanation.class_index[0]])
    area = (sum(curve) - (curve[0] + curve[-1]) / 2) / 4
    assert record["explained"][0]["faithfulness"]["deletion"] == pytest.approx(area, abs=1e-6)
    assert "4 steps" in twin["faithfulness"]


def test_the_model_is_told(written):
    _, html, twin, content = written
    assert twin["model"]["golden_check"]["passed"] is True
    assert [item["grade"] for item in twin["model"]["sanity"]] == ["changes", "does not"]
    assert "EigenCAM does not change when the classifier is randomised" in html
    assert "golden check" in html
    assert hashlib.sha256(content).hexdigest() in html
    for digest in [twin["model"]["sha256"], *(item["sha256"] for item in twin["pictures"])]:
        assert digest in html
    assert twin["run"]["onnxcam"] == onnxcam.__version__
    assert "onnxruntime" in " ".join(twin["run"])


def test_text_from_files_is_escaped(written):
    _, html, twin, _ = written
    tags = Tags(html)
    assert HOSTILE not in html
    assert [tag for tag, _ in tags.found].count("script") == 1
    assert not [attributes for _, attributes in tags.found if any(name.startswith("on") for name in attributes)]
    assert {attributes["src"].partition(",")[0] for tag, attributes in tags.found if tag == "img"} == {
        "data:image/jpeg;base64",
        "data:image/png;base64",
    }
    assert any("<b>'&\".jpg" in text for text in tags.texts)
    assert HOSTILE in twin["title"]


def test_the_page_loads_nothing_and_runs_its_own_script_alone(written):
    _, html, _, _ = written
    tags = Tags(html)
    policy = next(a["content"] for tag, a in tags.found if tag == "meta" and "http-equiv" in a)
    assert policy.startswith("default-src 'none'; img-src data:;")
    script = re.search(r"<script>(.*?)</script>", html, re.DOTALL).group(1)
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert f"script-src 'sha256-{digest}'" in policy
    assert not re.search(r"https?://", html)


def test_maps_lie_where_the_model_looked(written, model, pictures):
    report, html, _, _ = written
    (placed,) = onnxcam.Explainer(model).explain(pictures[-1]).photographs
    left, top, right, bottom = placed.box
    entry = report.entries[-1]
    width, height = placed.photograph.size
    expected = (100 * left / width, 100 * top / height, 100 * (right - left) / width, 100 * (bottom - top) / height)
    assert entry.box == pytest.approx(expected)
    assert f"left:{expected[0]:.3f}%;top:{expected[1]:.3f}%" in html


def test_overlays_have_the_colours_of_the_drawing(written):
    report, _, _, _ = written
    one = report.entries[0].explained[0]
    overlay = Image.open(io.BytesIO(base64.b64decode(one.overlay.partition(",")[2])))
    assert overlay.mode == "RGBA"
    alpha = np.asarray(overlay)[..., 3]
    assert alpha.max() == round(0.7 * 255)
    assert alpha.min() == 0
    place = np.unravel_index(one.values.argmax(), one.values.shape)
    scale = overlay.width // one.values.shape[1]
    assert alpha[tuple(int((i + 0.5) * scale) for i in place)] > 150


def test_classes_have_the_mean_of_their_maps(written):
    report, _, twin, _ = written
    for one, record in zip(report.classes, twin["classes"], strict=True):
        own = [e.explained[0].scaled for e in report.entries if e.top[0].index == one.target.index]
        np.testing.assert_allclose(one.values, np.mean(own, axis=0))
        np.testing.assert_allclose(record["average_map"], one.values, atol=1e-4)
        assert one.pictures == len(own)


def test_what_cannot_be_reported_is_said(data, tmp_path):
    coffee = [data / "coffee.jpg"]
    with pytest.raises(MethodError, match="lays maps over pictures, and guided-backprop gives none"):
        make_report(data / "pooled.onnx", coffee, {}, Settings("", method="guided-backprop"))
    with pytest.raises(ModelError, match="without preprocessing"):
        make_report(data / "toy.onnx", coffee, {}, Settings(""))
    (tmp_path / "empty.jpg").write_bytes(b"")
    with pytest.raises(PictureError, match="none of the 1 pictures can be explained"):
        make_report(data / "pooled.onnx", [tmp_path / "empty.jpg"], {}, Settings(""))


def test_a_model_without_a_golden_check(data, tmp_path):
    (tmp_path / "fixed.onnx").write_bytes(onnxcam.adapt(data / "pooled.onnx", level=1))
    report = make_report(tmp_path / "fixed.onnx", [data / "coffee.jpg"], {}, Settings("", steps=0))
    assert report.model["golden_check"]["passed"] is None
    assert report.convention is None
    html = write_report(report, tmp_path / "r.html")[0].read_text(encoding="utf-8")
    assert "not made: a model at a fixed level carries no golden answers" in html
    assert "sanity MODEL" in html
