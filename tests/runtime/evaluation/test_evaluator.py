from dataclasses import replace

import numpy as np
import pytest

from onnxcam import Explainer
from onnxcam.errors import MethodError, PictureError, TargetError
from onnxcam.evaluation.candidates import Candidate, candidates_of, saliency
from onnxcam.evaluation.conventions import ONNXCAM, RISE
from onnxcam.evaluation.evaluator import Evaluator, Question
from onnxcam.evaluation.records import Record
from onnxcam.evaluation.summary import compare, summarise
from onnxcam.execution.model import LoadedModel


@pytest.fixture
def evaluator(data):
    return Evaluator(data / "pooled.onnx", ONNXCAM, candidates_of, threads=2)


def records_of(evaluator, questions):
    results = [result for _, result in evaluator.evaluate(questions)]
    for result in results:
        if isinstance(result, Exception):
            raise result
    return results


def test_every_method_and_every_baseline_is_measured(evaluator, data):
    (record,) = records_of(evaluator, [Question(data / "coffee.jpg")])
    assert list(record.maps) == [candidate.name for candidate in evaluator.candidates]
    assert {"grad-cam", "guided-grad-cam", "eigen-cam", "uniform", "centre-gaussian", "random", "edges"} <= set(
        record.maps
    )
    expected = set(ONNXCAM.metrics) - {"pointing", "energy"}
    for name, measured in record.maps.items():
        assert set(measured.metrics) == expected, name
        assert (len(measured.deletion), len(measured.insertion)) == (29, 29)
        assert np.isfinite(list(measured.metrics.values())).all()
        # Both curves start and end at the same images for all maps.
        assert measured.deletion[0] == measured.insertion[-1] == record.probability
    assert record.maps["uniform"].metrics["drop"] == 0
    assert record.maps["uniform"].metrics["adcc"] == 0


def test_the_top_class_is_explained_or_the_label(evaluator, data):
    explainer = Explainer(data / "pooled.onnx")
    top, other = explainer.explain(data / "coffee.jpg", [-1, -2], level=0).class_index.tolist()
    label = explainer.labels[other]
    first, second = records_of(evaluator, [Question(data / "coffee.jpg"), Question(data / "coffee.jpg", label=label)])
    assert (first.c, second.c, second.label) == (top, other, label)
    assert first.probability > second.probability


def test_results_do_not_depend_on_threads_and_batches(data):
    def measured(threads, batch):
        evaluator = Evaluator(data / "pooled.onnx", ONNXCAM, candidates_of, threads=threads, batch=batch)
        return records_of(evaluator, [Question(data / "coffee.jpg"), Question(data / "chelsea.jpg")])

    one, several = measured(1, 1), measured(3, 7)
    for first, second in zip(one, several, strict=True):
        assert first.key == second.key
        for name, numbers in first.maps.items():
            assert second.maps[name].metrics == pytest.approx(numbers.metrics, abs=1e-5), name


def test_only_images_that_fail_have_errors(evaluator, data, tmp_path):
    broken = tmp_path / "broken.jpg"
    broken.write_bytes(b"no image")
    questions = [Question(broken), Question(data / "coffee.jpg"), Question(data / "coffee.jpg", label="no class")]
    results = [result for _, result in evaluator.evaluate(questions)]
    assert [type(result) for result in results] == [PictureError, Record, TargetError]


def test_the_key_depends_on_image_model_convention_and_layer(data, tmp_path):
    def key(image="coffee.jpg", model="pooled.onnx", convention=ONNXCAM, layer=None):
        return Evaluator(data / model, convention, candidates_of, layer=layer).key_of(Question(data / image))

    keys = [key(), key(image="chelsea.jpg"), key(model="flat.onnx"), key(convention=RISE), key(layer="features")]
    assert len(set(keys)) == len(keys)
    copy = tmp_path / "copy.onnx"
    copy.write_bytes((data / "pooled.onnx").read_bytes())
    assert key(model=copy) == key()


def test_models_without_class_scores_are_refused(rewritten, tmp_path):
    path = tmp_path / "regression.onnx"
    path.write_bytes(rewritten("pooled", classes=None, labels=None, score_shape=(5, 1)))
    with pytest.raises(MethodError, match=r"scores are \[5, 1\]; evaluate takes models with a score for each class"):
        Evaluator(path, ONNXCAM, candidates_of)


@pytest.mark.parametrize("model", ["pooled.onnx", "flat.onnx"])
def test_forward_passes_run_at_level_0_and_are_counted(data, model, monkeypatch):
    levels = []
    run = LoadedModel.run

    def counted(self, inputs, rows, request):
        levels.extend([request.level] * len(rows.order))
        return run(self, inputs, rows, request)

    monkeypatch.setattr(LoadedModel, "run", counted)
    evaluator = Evaluator(data / model, RISE, candidates_of)
    records_of(evaluator, [Question(data / "coffee.jpg")])
    # 27 images between both ends of two curves for each map; the image itself, twice, and its two substitutes.
    assert evaluator.forward_passes == levels.count(0) == 54 * len(evaluator.candidates) + 4
    assert levels.count(2) == 1


def test_a_map_that_is_upside_down_and_one_that_ignores_the_class_lose(data):
    """Two faults planted in Grad-CAM, on three photographs with the default model; and the order in docs/trust.md."""
    explainer = Explainer()

    def planted(metadata):
        grad_cam, guided, *baselines = candidates_of(metadata, ["grad-cam", "guided-grad-cam"])
        return [
            grad_cam,
            guided,
            Candidate("upside-down", 1, lambda image, explanation: 1 - grad_cam.compute(image, explanation)),
            Candidate("ignores-the-class", 0, lambda image, _: saliency(explainer.run(image[None], 0), "grad-cam")),
            next(baseline for baseline in baselines if baseline.name == "random"),
        ]

    photographs = [Question(data / f"{name}.jpg") for name in ("chelsea", "coffee", "rocket")]
    records = records_of(Evaluator(None, ONNXCAM, planted), photographs)
    comparisons = compare(records, ["grad-cam"], ["upside-down", "ignores-the-class", "random"], ONNXCAM)
    gains = {one.baseline: one for one in comparisons if one.metric == "road"}
    assert gains["upside-down"].beats
    assert gains["random"].beats
    assert gains["ignores-the-class"].gain.mean > 0.01
    for record in records:
        measured = {name: numbers.metrics for name, numbers in record.maps.items()}
        assert measured["grad-cam"]["deletion"] < measured["upside-down"]["deletion"]
        assert measured["upside-down"]["road"] < 0
        assert measured["grad-cam"]["adcc"] > measured["upside-down"]["adcc"]
        assert measured["grad-cam"]["drop"] < measured["ignores-the-class"]["drop"]
    means = {name: summarise(records, name, ONNXCAM) for name in records[0].maps}
    # Deletion rewards maps of many single pixels, and insertion and ROAD do not.
    assert means["guided-grad-cam"]["deletion"].high < means["grad-cam"]["deletion"].mean
    assert means["guided-grad-cam"]["road"].mean < means["grad-cam"]["road"].mean
    assert means["random"]["deletion"].mean < means["grad-cam"]["deletion"].mean
    assert means["random"]["insertion"].mean < means["grad-cam"]["insertion"].mean


def test_a_model_of_a_fixed_batch_is_measured_as_any_other(data, rewritten, pooled, tmp_path):
    path = tmp_path / "fixed.onnx"
    path.write_bytes(rewritten("pooled", image=replace(pooled.metadata.image, batch=2), golden=None))
    questions = [Question(data / "coffee.jpg")]
    (fixed,) = records_of(Evaluator(path, ONNXCAM, candidates_of), questions)
    (free,) = records_of(Evaluator(data / "pooled.onnx", ONNXCAM, candidates_of), questions)
    for name, measured in free.maps.items():
        assert fixed.maps[name].metrics == pytest.approx(measured.metrics, abs=1e-5), name
