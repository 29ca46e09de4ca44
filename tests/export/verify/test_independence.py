"""Models that mix the images of a batch are refused, at the step that does it; all others pass."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import onnx
import pytest
import torch
from torch import nn

from onnx_text import model, small
from onnxcam_export import ScoreError, export

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

WORDS = "the scores of an image depend on the other images of its batch"


class Network(nn.Module):
    def __init__(self, mix: Callable[[torch.Tensor], torch.Tensor]) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.convolution, self.head, self.mix = nn.Conv2d(3, 8, 3), nn.Linear(8, 5), mix

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        return self.head(self.mix(self.convolution(image).relu().mean((2, 3))))


def attention(x: torch.Tensor) -> torch.Tensor:
    """[N, N], between the images."""
    return (x @ x.transpose(-1, -2)).softmax(-1) @ x


MIXING: dict[str, tuple[Callable[[torch.Tensor], torch.Tensor], str]] = {
    "attention": (attention, "MatMul"),
    "a running sum": (lambda x: x.cumsum(0), "CumSum"),  # only the last image depends on others
    "a neighbour": (lambda x: x + x.roll(1, 0), "Concat"),
    "the first image": (lambda x: x - x[:1], "Sub"),
    "the mean": (lambda x: x - x.mean(0, keepdim=True), "Sub"),
    "shares": (lambda x: x * x.softmax(0), "Softmax"),
    "the largest": (lambda x: x / x.amax(0, keepdim=True), "Div"),
    "its statistics": (lambda x: nn.functional.batch_norm(x, None, None, training=True), "Sub"),
}


@pytest.mark.parametrize("kind", MIXING)
@pytest.mark.parametrize("verify", [True, False])
def test_a_module_that_mixes_images_is_refused(kind: str, verify: bool, tmp_path: Path) -> None:
    mix, operator = MIXING[kind]
    with pytest.raises(ScoreError, match=f"{WORDS}, from {operator} node"):
        export(Network(mix).eval(), tmp_path / "out.onnx", input_shape=(3, 12, 12), verify=verify)


@pytest.mark.parametrize("batch", ["N", "3"])
def test_a_file_that_mixes_images_is_refused(batch: str, tmp_path: Path) -> None:
    text = f"""g (float[{batch},3,8,8] x) => (float[{batch},5] y) {{
        c = Conv(x, w) r = Relu(c) p = GlobalAveragePool(r) f = Flatten(p) s = Softmax<axis = 0>(f) y = Mul(f, s)
    }}"""
    with pytest.raises(ScoreError, match=f"{WORDS}, from Softmax node"):
        export(model(text, w=(5, 3, 3, 3)), tmp_path / "out.onnx")


def test_random_numbers_do_not_count_as_other_images(tmp_path: Path) -> None:
    noisy: Any = small(head="z = Gemm(f, w2, b2) noise = RandomNormalLike(z) y = Add(z, noise)")
    onnx.save(noisy, tmp_path / "in.onnx")
    try:
        export(tmp_path / "in.onnx", tmp_path / "out.onnx")
    except Exception as error:  # noqa: BLE001 — verification refuses it, for another reason
        assert WORDS not in str(error)  # noqa: PT017


def test_windows_in_the_batch_do_not_mix_images(tmp_path: Path) -> None:
    def windows(x: torch.Tensor) -> torch.Tensor:
        apart = x.reshape(-1, 4)  # [2 N, 4]
        return (apart - apart.mean(1, keepdim=True)).reshape(-1, 8)

    report = export(Network(windows).eval(), tmp_path / "out.onnx", input_shape=(3, 12, 12))
    assert report.metadata.verification is not None
