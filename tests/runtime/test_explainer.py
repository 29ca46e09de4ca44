import copy
import pickle
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from PIL import Image

import onnxcam
from onnxcam.errors import (
    LayerError,
    MethodError,
    ModelError,
    PictureError,
    RunTimeoutError,
    TargetError,
    TensorError,
)
from onnxcam.metadata import ImageInput


def tensors(explainer, count: int) -> np.ndarray:
    return np.random.default_rng(0).normal(size=(count, *explainer.metadata.image.shape)).astype(np.float32)


def test_the_toys_published_numbers(toy, ramp):
    explanation = toy.run(ramp, target=0)
    guided = [[0, 1, 1, 1], [1, 3, 3, 2], [1, 3, 3, 2], [1, 2, 2, 1]]
    product = [[0, 0, 4, 4], [0, 0, 12, 8], [28, 84, 97.5, 65], [28, 56, 65, 32.5]]
    np.testing.assert_allclose(explanation.scores, [[54] * 4])
    np.testing.assert_allclose(explanation.guided_backprop()[0, 0], guided)
    np.testing.assert_allclose(explanation.grad_cam("conv1")[0], [[11.25, 13.5], [20.25, 22.5]])
    np.testing.assert_allclose(explanation.guided_grad_cam("relu1", interpolation="nearest")[0, 0], product)


def test_levels_fetch_what_they_promise(toy, ramp):
    nothing, maps, everything = (toy.run(ramp, level=level) for level in (0, 1, 2))
    for explanation in (nothing, maps, everything):
        np.testing.assert_array_equal(explanation.scores, nothing.scores)
        assert explanation.class_index.tolist() == [0]
    assert nothing.activations == nothing.gradients == {}
    assert set(maps.activations) == set(maps.gradients) == {"relu1", "conv1"}
    assert maps.guided is None
    assert everything.guided.shape == (1, 1, 4, 4)


@pytest.mark.parametrize("level", [0, 1, 2])
def test_the_model_is_asked_for_no_more_than_the_level(toy, ramp, level, monkeypatch):
    fed = []
    session = toy._model._session
    run = session.run
    monkeypatch.setattr(session, "run", lambda names, feed, options: (fed.append(feed), run(names, feed, options))[1])
    toy.run(ramp, level=level)
    assert [int(feed["onnxcam.level"]) for feed in fed] == [level]


def test_one_layer_can_be_fetched_alone(toy, ramp):
    explanation = toy.run(ramp, layer="conv1")
    assert list(explanation.activations) == ["conv1"]
    np.testing.assert_array_equal(explanation.grad_cam(), explanation.grad_cam("conv1"))
    with pytest.raises(LayerError, match="'relu1' was not fetched; this explanation has conv1"):
        explanation.grad_cam("relu1")
    with pytest.raises(LayerError, match="no target layer 'relu9'; it has relu1, conv1"):
        toy.run(ramp, layer="relu9")


def test_ranks_are_resolved_for_each_image(pooled):
    batch = tensors(pooled, 3)
    order = np.argsort(-pooled.run(batch, level=0).scores, axis=1)
    assert pooled.run(batch, -1, level=0).class_index.tolist() == order[:, 0].tolist()
    assert pooled.run(batch, -2, level=0).class_index.tolist() == order[:, 1].tolist()
    mixed = pooled.run(batch, [-5, 2, "tiger cat"], level=0)
    assert mixed.class_index.tolist() == [order[0, 4], 2, 1]


def test_one_image_and_many_targets_is_each_target_alone(pooled):
    image = tensors(pooled, 1)
    together = pooled.run(image, [0, 1, 4])
    assert together.guided_backprop().shape == (3, 3, 8, 8)
    for row, target in enumerate([0, 1, 4]):
        alone = pooled.run(image, target)
        np.testing.assert_allclose(together.grad_cam()[row], alone.grad_cam()[0], rtol=1e-4, atol=1e-6)
        np.testing.assert_allclose(together.guided_backprop()[row], alone.guided_backprop()[0], rtol=1e-4, atol=1e-6)


def test_a_batch_is_each_image_alone(pooled):
    batch = tensors(pooled, 3)
    together = pooled.run(batch, [3, 0, 2])
    for row, target in enumerate([3, 0, 2]):
        alone = pooled.run(batch[row : row + 1], target)
        np.testing.assert_allclose(together.guided_grad_cam()[row], alone.guided_grad_cam()[0], rtol=1e-4, atol=1e-6)


def test_targets_that_do_not_fit_are_refused_before_the_model_runs(pooled):
    with pytest.raises(TargetError, match="2 targets do not fit 3 images"):
        pooled.run(tensors(pooled, 3), [0, 1])


def test_pictures_alone_and_in_a_batch(pooled, picture, data):
    array = np.asarray(Image.open(data / "coffee.jpg"))
    alone = [pooled.explain(source).scores[0] for source in (picture, array)]
    together = pooled.explain([picture, array])
    np.testing.assert_allclose(together.scores, alone, rtol=1e-5)
    assert [placed.geometry.photograph for placed in together.photographs] == [(60, 40), array.shape[1::-1]]


def test_bad_pictures_and_no_pictures(pooled, tmp_path):
    with pytest.raises(PictureError, match="there is no image"):
        pooled.explain(tmp_path / "missing.jpg")
    with pytest.raises(TensorError, match="no images to explain"):
        pooled.explain([])


def test_bad_tensors(pooled):
    for bad in (np.zeros((1, 3, 8, 8)), np.zeros((3, 8, 8), np.float32), np.full((1, 3, 8, 8), np.nan, np.float32)):
        with pytest.raises(TensorError):
            pooled.run(bad)


def test_a_level_that_does_not_exist(pooled):
    with pytest.raises(MethodError, match=r"the level is 0 .* not 3"):
        pooled.run(tensors(pooled, 1), level=3)


def test_a_model_without_preprocessing_takes_no_pictures(toy, picture):
    with pytest.raises(ModelError, match="without preprocessing"):
        toy.explain(picture)


def test_a_flat_model_with_channels_last_answers_the_same(flat, pooled, picture):
    assert flat.metadata.flat
    last, first = flat.explain(picture, [0, 1]), pooled.explain(picture, [0, 1])
    np.testing.assert_allclose(last.scores, first.scores, rtol=1e-5)
    np.testing.assert_allclose(last.grad_cam(), first.grad_cam(), rtol=1e-4, atol=1e-6)
    expected = first.guided_grad_cam().transpose(0, 2, 3, 1)
    np.testing.assert_allclose(last.guided_grad_cam(), expected, rtol=1e-4, atol=1e-6)
    assert flat.explain(picture, level=1).guided is None


def test_a_fixed_batch_is_held_to(rewritten, pooled):
    image = ImageInput("image", "NCHW", 3, 8, 8, batch=2)
    explainer = onnxcam.Explainer(rewritten("pooled", image=image, golden=None))
    assert explainer.run(tensors(pooled, 2)).scores.shape == (2, 5)
    with pytest.raises(TensorError, match="batches of exactly 2"):
        explainer.run(tensors(pooled, 1))


def test_eight_threads_get_the_same_answers(pooled):
    batches = [tensors(pooled, 1) + number for number in range(40)]
    expected = [pooled.run(batch, [0, 1]).guided_grad_cam() for batch in batches]
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda batch: pooled.run(batch, [0, 1]).guided_grad_cam(), batches * 5))
    for answer, right in zip(answers, expected * 5, strict=True):
        np.testing.assert_array_equal(answer, right)


def test_it_says_what_it_runs_on(pooled):
    assert pooled.providers[-1] == "CPUExecutionProvider"


def test_several_targets_for_each_of_several_images(pooled, picture, data):
    array = np.asarray(Image.open(data / "coffee.jpg"))
    explanation = pooled.explain([picture, array], target=[[0, -1], ["tiger cat", 4]])
    assert explanation.scores.shape == (2, 5)
    assert explanation.class_index.tolist() == [0, explanation.top(1)[0].index, 1, 4]
    assert [explanation.image_of(row) for row in range(4)] == [0, 0, 1, 1]
    for image, targets, rows in ((picture, [0, -1], slice(0, 2)), (array, [1, 4], slice(2, 4))):
        alone = pooled.explain(image, targets)
        for method in ("grad-cam", "cam", "guided-backprop", "guided-grad-cam"):
            np.testing.assert_allclose(explanation.compute(method)[rows], alone.compute(method), rtol=1e-4, atol=1e-6)


def test_several_targets_need_a_batch_of_one(rewritten, pooled):
    image = ImageInput("image", "NCHW", 3, 8, 8, batch=2)
    explainer = onnxcam.Explainer(rewritten("pooled", image=image, golden=None))
    with pytest.raises(TargetError, match="several targets for each image are explained one image at a time"):
        explainer.run(tensors(pooled, 2), [[0, 1], [2, 3]])


def test_scores_that_are_not_finite_name_no_class(pooled):
    huge = np.full((1, 3, 8, 8), 3e38, np.float32)
    with pytest.raises(ModelError, match=r"onnxcam\.scores holds NaN or infinity for this input"):
        pooled.run(huge, level=0)


def test_a_timeout_reaches_the_model(data, pooled, picture):
    with pytest.raises(TimeoutError, match="took longer than its timeout"):
        onnxcam.Explainer(data / "endless.onnx").run(np.zeros((1, 1, 4, 4), np.float32), timeout=0.05)
    with pytest.raises(RunTimeoutError):
        pooled.explain(picture, timeout=0)


def test_it_closes(data, picture):
    with onnxcam.Explainer(data / "pooled.onnx") as explainer:
        explainer.explain(picture)
    with pytest.raises(ModelError, match="the explainer is closed"):
        explainer.explain(picture)
    assert explainer.labels == explainer.metadata.labels
    assert "pooled.onnx" in repr(explainer)


def test_it_shows_itself_in_a_line(pooled, data, rewritten):
    assert repr(pooled) == (
        "<Explainer pooled.onnx: float32 [N, 3, 8, 8], 5 labelled classes, layers features, on CPUExecutionProvider>"
    )
    assert "4 classes, layers relu1, conv1," in repr(onnxcam.Explainer((data / "toy.onnx").read_bytes()))
    assert repr(onnxcam.Explainer()).startswith(
        "<Explainer efficientnet_lite0.onnx: float32 [N, 3, 224, 224], 1000 lab"
    )
    labels = onnxcam.Explainer(rewritten("pooled", labels=("\x1b",) * 5)).labels
    assert labels == ("\x1b",) * 5


def test_it_can_be_pickled_and_copied(data):
    image = np.ones((1, 3, 8, 8), np.float32)
    original = onnxcam.Explainer(data / "pooled.onnx", threads=1, level=1)
    for copied in (pickle.loads(pickle.dumps(original)), copy.deepcopy(original)):  # noqa: S301 — our own bytes
        assert copied.metadata == original.metadata
        np.testing.assert_array_equal(copied.run(image).grad_cam(), original.run(image).grad_cam())
