"""Entries that a stranger has damaged on purpose: each is a ``ModelError``, or metadata that work."""

from __future__ import annotations

import contextlib
import copy
import dataclasses
import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import onnxcam
from onnxcam.errors import ModelError, OnnxCamError
from onnxcam.execution import golden
from onnxcam.execution.model import LoadedModel
from onnxcam.metadata import Metadata, Preprocessing, Verification
from onnxcam.text import printable

LURES = [
    *(0, 1, -1, 2, 3, 4.0, 5, 8, 10, 64, 99, 20000, 10**9, 2**63, 10**400, 0.5, -0.0, 1e-320, 1e308),
    *(float("nan"), float("inf"), "", "a", "\n", "\x1b[2J", "\u202e", "\ud800", "x" * 10**4, "U9999999", "float64"),
    *("softmax", "sigmoid", "NHWC", "NCHW", "L", "BGR", "box", "features", "conv1", "image", "onnxcam.level"),
    *(None, True, False, [], {}, [4], [4, 4], [8, 8], [0, 0], [4, 4, 4], [[]], {"a": 1}, [None] * 5, ["a"] * 5),
]
SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5)
VALUES = st.sampled_from(LURES) | st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


# Of the type that was there, so that many of the lies are believed.
LIKE = {
    bool: st.booleans(),
    int: st.integers(1, 12),
    float: st.floats(allow_nan=False, allow_infinity=False) | st.floats(-2, 2),
    str: st.text(min_size=1) | st.sampled_from([lure for lure in LURES if isinstance(lure, str)]),
}


def children(node: Any) -> list[Any]:
    """The keys or indices under which a node of JSON has others."""
    if isinstance(node, dict):
        return list(node)
    return list(range(len(node))) if isinstance(node, list) else []


def damage(draw: st.DrawFn, tree: dict[str, Any]) -> None:
    """Changes, replaces, deletes, doubles or wraps one node somewhere in the tree."""
    node: Any = tree
    key = draw(st.sampled_from(children(node)))
    while children(node[key]) and draw(st.integers(0, 3)):
        node, key = node[key], draw(st.sampled_from(children(node[key])))
    kind = draw(st.sampled_from(["nudge", "nudge", "nudge", "replace", "replace", "delete", "double", "wrap"]))
    if kind == "nudge":
        node[key] = copy.deepcopy(draw(LIKE.get(type(node[key]), VALUES)))
    elif kind == "replace":
        node[key] = copy.deepcopy(draw(VALUES))
    elif kind == "delete":
        del node[key]
    elif kind == "double":
        if isinstance(node, list):
            node.insert(key, copy.deepcopy(node[key]))
        else:
            node[draw(st.text(max_size=5))] = copy.deepcopy(node[key])
    else:
        node[key] = draw(st.sampled_from([lambda inner: [inner], lambda inner: {"x": inner}]))(node[key])


@st.composite
def damaged(draw: st.DrawFn, entry: str) -> bytes:
    tree = json.loads(entry)
    for _ in range(draw(st.sampled_from([1, 1, 2, 3]))):
        if tree:
            damage(draw, tree)
    text = bytearray(json.dumps(tree, ensure_ascii=draw(st.booleans())).encode(errors="surrogatepass"))
    if draw(st.integers(0, 9)) == 0:
        text[draw(st.integers(0, len(text) - 1))] = draw(st.integers(0, 255))
    return bytes(text)


@pytest.fixture(scope="session")
def entries(toy, pooled, flat) -> dict[str, str]:
    """The JSON of the tests' own models, and of one with all that preprocessing and verification can say."""
    mixed = dataclasses.replace(
        pooled.metadata,
        score_activation="sigmoid",
        preprocessing=Preprocessing((8, 8), None, "box", 1.0, (1.0, 2.0, 3.0), (4.0, 5.0, 6.0), "BGR", assumed=True),
        verification=Verification("PyTorch", {"onnxcam.scores": 1e-7}, {"onnxcam.scores": 1e-4}, ("a note",)),
    )
    explained = {"toy": toy.metadata, "pooled": pooled.metadata, "flat": flat.metadata, "mixed": mixed}
    return {name: metadata.to_json() for name, metadata in explained.items()}


@pytest.mark.parametrize("name", ["toy", "pooled", "flat", "mixed"])
@settings(max_examples=300)
@given(data=st.data())
def test_an_entry_is_refused_or_survives_json(entries, name, data):
    entry, complaint = data.draw(damaged(entries[name])), ""
    try:
        metadata = Metadata.from_json(entry)
    except ModelError as error:
        complaint = str(error)
    else:
        assert Metadata.from_json(metadata.to_json()) == metadata
    assert complaint == printable(complaint)
    assert len(complaint) < 500


def explain_everything(model: bytes) -> None:
    """Opens a model and asks for all that an explanation has."""
    explainer = onnxcam.Explainer(model, threads=1)
    image = explainer.metadata.image
    tensor = np.zeros((image.batch or 1, *image.shape), image.dtype)
    everything = explainer.run(tensor, [0] * (image.batch or 1))
    everything.guided_grad_cam()
    everything.top()
    assert everything.labels
    if explainer.metadata.cam_layer:
        everything.cam()
    if explainer.metadata.golden:
        assert golden.check(LoadedModel(model, threads=1))
    if explainer.metadata.preprocessing:
        explainer.explain(np.zeros((20, 30, 3), np.uint8), level=1)


@pytest.mark.parametrize("name", ["toy", "pooled", "flat", "mixed"])
@settings(max_examples=100)
@given(data=st.data())
def test_a_model_is_refused_or_works(entries, rewritten, name, data):
    model = rewritten("pooled" if name == "mixed" else name, data.draw(damaged(entries[name])))
    with contextlib.suppress(OnnxCamError), np.errstate(all="ignore"):
        explain_everything(model)
