"""What is no tensor is left out of a module's outputs; the names of the others stay."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
import torch

from onnxcam_export import SourceError
from onnxcam_export.read.pytorch.module_outputs import tensors_alone


@dataclass
class Answer:
    """As detectors return it."""

    logits: torch.Tensor
    inner: tuple[torch.Tensor, int]
    name: str = "net"


def test_tensors_alone_stay_as_they_are() -> None:
    for output in (torch.ones(1), [torch.ones(1)], {"a": (torch.ones(1), torch.ones(2))}):
        assert tensors_alone(output) is output


def test_the_names_of_what_is_left() -> None:
    a, b = torch.ones(1), torch.ones(2)
    assert tensors_alone({"logits": a, "name": "net", "aux": None}) == {"logits": a}
    assert tensors_alone((3, a, [None, b])) == {"1": a, "2.1": b}
    assert tensors_alone(Answer(a, (b, 3))) == {"logits": a, "inner.0": b}
    assert tensors_alone({"out": Answer(a, (b, 3))}) == {"out.logits": a, "out.inner.0": b}


@pytest.mark.parametrize("output", [None, "text", {}, [3]])
def test_no_tensor_at_all(output: object) -> None:
    with pytest.raises(SourceError, match="the module returns no tensor"):
        tensors_alone(output)
