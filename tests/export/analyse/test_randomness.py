"""Scores that are random are refused; random numbers beside them are not."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import torch
from torch import nn
from torch.nn import functional

from onnx_text import model
from onnxcam_export import ScoreError, export
from support.networks import small

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

START = "g (float[N,3,9,9] x) => (float[N,5] y) { c = Conv(x, w) r = Relu(c) g = GlobalAveragePool(r) f = Flatten(g)"


@pytest.mark.parametrize(
    ("operator", "rest"),
    [
        ("RandomNormalLike", "n = RandomNormalLike(f) y = Add(f, n)"),
        ("RandomUniformLike", "n = RandomUniformLike(f) y = Add(f, n)"),
        ("RandomNormal", "n = RandomNormal <shape = [1, 5]> () y = Add(f, n)"),
        ("RandomUniform", "n = RandomUniform <shape = [1, 5]> () y = Add(f, n)"),
        ("Bernoulli", "p = Sigmoid(f) n = Bernoulli(p) y = Mul(f, n)"),
        ("Multinomial", "n = Multinomial <sample_size = 1> (f) k = Cast <to = 1> (n) y = Mul(f, k)"),
    ],
)
def test_files_with_random_scores(tmp_path: Path, operator: str, rest: str) -> None:
    with pytest.raises(ScoreError, match=rf"'y' is random, since {operator} node .* draws random numbers, which is"):
        export(model(f"{START} {rest} }}", w=(5, 3, 3, 3)), tmp_path / "out.onnx", verify=False)
    assert not list(tmp_path.iterdir())


class After(nn.Module):
    """A function of the scores."""

    def __init__(self, function: Callable[[torch.Tensor], torch.Tensor]) -> None:
        super().__init__()
        self.inner, self.function = small(), function

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.function(self.inner(x))


@pytest.mark.parametrize(
    "function",
    [
        lambda y: functional.dropout(y, 0.1, training=True),
        lambda y: y + 1e-3 * torch.rand_like(y),
        lambda y: y + torch.randn(y.shape),
        lambda y: y * torch.bernoulli(y.sigmoid()),
    ],
)
def test_modules_with_random_scores(tmp_path: Path, function: Callable[[torch.Tensor], torch.Tensor]) -> None:
    with pytest.raises(ScoreError, match=r"is random, since .* draws random numbers, which is not supported"):
        export(After(function), tmp_path / "out.onnx", input_shape=(3, 16, 16))


def test_random_numbers_after_the_scores_do_not_matter(tmp_path: Path) -> None:
    text = START.replace("(float[N,5] y)", "(float[N,5] y, float[N,5] z)")
    given = model(f"{text} y = Identity(f) n = RandomNormalLike(f) z = Add(y, n) }}", w=(5, 3, 3, 3))
    export(given, tmp_path / "out.onnx", score_output="y", verify=False)
