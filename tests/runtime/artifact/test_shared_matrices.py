"""Matrices that forward pass and gradient read, and what they decide when a model is opened."""

import numpy as np
import pytest

import onnxcam
from onnxcam.artifact import wire
from onnxcam.artifact.shared_matrices import share_of_shared_matrices
from onnxcam.execution import session


def tensor(name, size):
    return wire.field(5, wire.number_field(2, 1) + wire.field(8, name) + wire.field(9, bytes(size)))


def node(operator, inputs, output):
    texts = [(1, name) for name in inputs] + [(2, output), (4, operator)]
    return wire.field(1, b"".join(wire.field(number, text) for number, text in texts))


def model(*parts):
    return wire.field(7, b"".join(parts))


def test_the_share_of_what_two_products_read():
    weights = tensor(b"w", 300), tensor(b"once", 60), tensor(b"kernel", 40)
    forward = node(b"Reshape", [b"w", b"shape"], b"own"), node(b"Gemm", [b"x", b"own"], b"y")
    once = node(b"MatMul", [b"y", b"once"], b"z"), node(b"Conv", [b"z", b"kernel"], b"c")
    gradient = node(b"MatMul", [b"dy", b"w"], b"dx")
    assert share_of_shared_matrices(model(*weights, *forward, *once, gradient)) == 0.75
    assert share_of_shared_matrices(model(*weights, *forward, *once)) == 0
    assert share_of_shared_matrices(model()) == 0


@pytest.mark.parametrize(("much", "packs"), [(0.0, False), (1.0, True)])
def test_a_model_with_many_is_opened_without_packed_copies(data, monkeypatch, much, packs):
    monkeypatch.setattr(session, "_MUCH", much)
    entries = []
    original = session._options

    def options(threads, *, spinning):
        made = original(threads, spinning=spinning)
        entries.append(made)
        return made

    monkeypatch.setattr(session, "_options", options)
    explainer = onnxcam.Explainer(data / "toy.onnx", level=1)
    (made,) = entries
    if packs:
        with pytest.raises(RuntimeError):
            made.get_session_config_entry("session.disable_prepacking")
    else:
        assert made.get_session_config_entry("session.disable_prepacking") == "1"
    image = np.arange(16, dtype=np.float32).reshape(1, 1, 4, 4)
    whole = onnxcam.Explainer(data / "toy.onnx").run(image, level=1)
    np.testing.assert_allclose(explainer.run(image).grad_cam(), whole.grad_cam(), rtol=1e-6)
