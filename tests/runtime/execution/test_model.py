import threading
import weakref

import numpy as np
import pytest

from onnxcam.errors import ModelError, RunTimeoutError
from onnxcam.execution.model import LoadedModel, Request
from onnxcam.explainer import Explainer

TOP = [-1]


@pytest.fixture
def model(data):
    return LoadedModel(data / "pooled.onnx", threads=1)


def images(count: int) -> np.ndarray:
    return np.random.default_rng(0).normal(size=(count, 3, 8, 8)).astype(np.float32)


def test_a_level_has_its_outputs(model):
    scores, maps, everything = (
        model.explain({"image": images(2)}, TOP, Request(layers=["features"], level=level)) for level in (0, 1, 2)
    )
    assert scores.activations == scores.gradients == {}
    assert scores.input_gradient is maps.input_gradient is None
    assert maps.activations["features"].shape == maps.gradients["features"].shape == (2, 4, 8, 8)
    assert everything.input_gradient.shape == (2, 3, 8, 8)
    for outputs in (scores, maps, everything):
        np.testing.assert_array_equal(outputs.class_index, outputs.scores.argmax(1))


def test_it_knows_the_original_inputs_and_its_providers(model):
    assert model.inputs == {"image": ["N", 3, 8, 8]}
    assert model.providers == ["CPUExecutionProvider"]


@pytest.mark.parametrize("level", [0, 1, 2])
def test_each_image_alone_is_the_batch(model, level):
    request = Request(["features"], level)
    each = model.explain_each(images(3), [[0, -1]] * 3, request)
    first, top = (model.explain({"image": images(3)}, [target], request) for target in (0, -1))
    assert each.class_index.tolist() == [index for top in top.class_index for index in (0, top)]
    np.testing.assert_allclose(each.scores, first.scores, rtol=1e-5)
    for layer in each.gradients:
        np.testing.assert_allclose(each.activations[layer], first.activations[layer], rtol=1e-5)
        np.testing.assert_allclose(each.gradients[layer][::2], first.gradients[layer], rtol=1e-5)
        np.testing.assert_allclose(each.gradients[layer][1::2], top.gradients[layer], rtol=1e-5)
    if level == 2:
        np.testing.assert_allclose(each.input_gradient[1::2], top.input_gradient, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("level", [0, 2])
def test_a_run_that_takes_too_long_is_ended(data, level, capfd):
    endless = LoadedModel(data / "endless.onnx", threads=1)
    zeros = np.zeros((1, 1, 4, 4), np.float32)
    with pytest.raises(RunTimeoutError, match="took longer than its timeout, and was ended"):
        endless.explain({"input": zeros}, TOP, Request(level=level, timeout=0.05))
    with pytest.raises(RunTimeoutError):
        endless.explain_each(zeros, [[0, 1]], Request(level=level, timeout=0.05))
    assert capfd.readouterr() == ("", "")


def test_the_time_is_for_all_images_together(model, monkeypatch):
    given = []
    run = model.run
    monkeypatch.setattr(model, "run", lambda *args: (given.append(args[2].timeout), run(*args))[1])
    model.explain_each(images(3), [[0]] * 3, Request(timeout=3600))
    assert 3600 > given[0] > given[1] > given[2] > 0


def test_enough_time_changes_nothing(model):
    limited, free = (model.explain({"image": images(1)}, TOP, Request(timeout=limit)) for limit in (3600, None))
    np.testing.assert_array_equal(limited.scores, free.scores)


@pytest.mark.parametrize("error", [TimeoutError("alarm"), KeyError("x"), RuntimeError("y"), KeyboardInterrupt()])
def test_what_is_not_onnx_runtimes_passes_through(model, monkeypatch, error):
    def run(*_: object) -> None:
        raise error

    monkeypatch.setattr(model._session, "run", run)
    with pytest.raises(type(error)) as caught:
        model.explain({"image": images(1)}, TOP, Request())
    assert caught.value is error


def test_what_is_onnx_runtimes_is_said(model, capfd):
    for image in (images(1).astype(float), images(1)[0]):
        with pytest.raises(ModelError, match="the model could not be run: ") as caught:
            model.explain({"image": image}, TOP, Request())
        assert "\n" not in str(caught.value)
    assert capfd.readouterr() == ("", "")


def test_outputs_that_are_not_what_was_promised(data):
    """The graph says [N, 5] of its scores, and adds a bias of five; here the bias is NaN."""
    bias = np.random.default_rng(0)
    bias.normal(size=(4, 3, 3, 3)), bias.normal(size=(5, 4))  # as tests/data/make_toy.py draws them
    known = bias.normal(size=5).astype(np.float32).tobytes()
    whole = (data / "pooled.onnx").read_bytes()
    assert whole.count(known) == 1
    broken = LoadedModel(whole.replace(known, np.full(5, np.nan, np.float32).tobytes()))
    assert np.isnan(broken.explain({"image": images(1)}, TOP, Request()).scores).all()
    with pytest.raises(ModelError, match=r"the model's onnxcam\.scores holds NaN or infinity"):
        broken.explain({"image": images(1)}, TOP, Request(finite=True))


def test_a_closed_model_says_so_and_frees_its_session(model):
    session = weakref.ref(model._session)
    model.close()
    model.close()
    assert session() is None
    with pytest.raises(ModelError, match="the explainer is closed; make a new one"):
        model.explain({"image": images(1)}, TOP, Request())


def test_a_run_that_has_begun_goes_on(model, monkeypatch):
    begun, closed = threading.Event(), threading.Event()
    session, results = model._session, []
    run = session.run

    def waiting(*args: object) -> object:
        begun.set()
        assert closed.wait(60)
        return run(*args)

    monkeypatch.setattr(session, "run", waiting)
    thread = threading.Thread(target=lambda: results.append(model.explain({"image": images(1)}, TOP, Request())))
    thread.start()
    assert begun.wait(60)
    model.close()
    closed.set()
    thread.join(60)
    assert results[0].scores.shape == (1, 5)


def test_outputs_are_fetched_by_their_names(toy, ramp):
    scores, output = toy.model.fetch(["onnxcam.scores", "output"], {"input": ramp})
    np.testing.assert_array_equal(scores, toy.run(ramp, level=0).scores)
    assert output.shape == (1, 4)


@pytest.mark.parametrize("spinning", [True, False])
def test_spinning_changes_no_answer(data, toy, ramp, spinning):
    explainer = Explainer(data / "toy.onnx", threads=2, spinning=spinning)
    np.testing.assert_array_equal(explainer.run(ramp).guided, toy.run(ramp).guided)
