"""Modules that cannot be captured are refused in a sentence that says what to give instead."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import pytest
import torch
from torch import nn

from onnxcam_export import SourceError, export
from onnxcam_export.read.pytorch.modules import check_module, unwrapped
from support.networks import small

if TYPE_CHECKING:
    from pathlib import Path


def with_nan() -> nn.Module:
    module = small()
    module.get_parameter("head.bias").data[0] = math.nan
    return module


@pytest.mark.filterwarnings("ignore")  # PyTorch deprecates some of these kinds
@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: torch.jit.trace(small(), torch.zeros(1, 3, 16, 16)), "the module was made by torch.jit.trace or"),
        (lambda: torch.jit.script(small()), "the module was made by torch.jit.trace or torch.jit.script, which is not"),
        (lambda: nn.Sequential(nn.LazyConv2d(4, 3)), "the weight '0.weight' has no shape yet, since its lazy module"),
        (lambda: small().to("meta"), "the weight 'stem.0.weight' is on the device meta and has no values"),
        (with_nan, "the weight 'head.bias' holds NaN, and so would the scores"),
        (
            lambda: torch.ao.quantization.quantize_dynamic(small(), {nn.Linear}),
            r"the module 'head' is quantised by torch.ao \(Linear\), which is not supported",
        ),
    ],
)
def test_what_cannot_be_captured(tmp_path: Path, make: object, words: str) -> None:
    with pytest.raises(SourceError, match=words):
        export(make(), tmp_path / "out.onnx", input_shape=(3, 16, 16))  # type: ignore[operator]


def test_buffers_may_hold_nan() -> None:
    module = small()
    module.register_buffer("missing", torch.tensor(math.nan))
    check_module(module)


def test_wrappers_are_taken_off() -> None:
    module = small()
    assert unwrapped(nn.DataParallel(torch.compile(module, backend="eager"))) is module
    assert unwrapped("model.onnx") == "model.onnx"
