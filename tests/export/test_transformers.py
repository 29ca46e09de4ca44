"""Vision transformers and Swin with random weights: their maps are those of tokens, or have their channels last.

The expected values are autograd's at the module itself; tokens become maps by plain indexing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import timm
import torch
from torch import nn

from onnxcam import Explainer
from onnxcam_export import TargetLayerError, candidates, export
from support import reference
from support.models import randomised, written

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

SIDE = 32
SMALL = {"img_size": SIDE, "patch_size": 8, "embed_dim": 32, "depth": 2, "num_heads": 4, "num_classes": 5}
Array = np.ndarray[Any, Any]


def deit() -> nn.Module:
    return timm.models.deit.VisionTransformerDistilled(**SMALL)


def averaged() -> nn.Module:
    return timm.models.VisionTransformer(**SMALL, global_pool="avg")


def registers() -> nn.Module:
    return timm.models.VisionTransformer(**SMALL, reg_tokens=3)


def torchvision_vit() -> nn.Module:
    import torchvision  # noqa: PLC0415 — its operators are declared first, in conftest

    return torchvision.models.VisionTransformer(SIDE, 8, 2, 4, 32, 64, num_classes=5)


def swin() -> nn.Module:
    import torchvision  # noqa: PLC0415

    return torchvision.models.SwinTransformer([4, 4], 16, [2, 2], [2, 4], [4, 4], num_classes=5)


class Encoder(nn.Module):
    """PyTorch's own encoder, with the tokens before the batch or after it, and the class token first or last."""

    def __init__(self, *, batch_first: bool, class_first: bool, registers: int = 0) -> None:
        super().__init__()
        self.patches = nn.Conv2d(3, 32, 8, 8)
        self.others = nn.Parameter(torch.randn(1, 1 + registers, 32))
        layer = nn.TransformerEncoderLayer(
            32, 4, 64, dropout=0.0, batch_first=batch_first, norm_first=True, activation="gelu"
        )
        self.encoder = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)
        self.head = nn.Linear(32, 5)
        self.batch_first, self.class_first = batch_first, class_first

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        places = self.patches(x).flatten(2).transpose(1, 2)
        others = self.others.expand(x.shape[0], -1, -1)
        tokens = torch.cat([others, places] if self.class_first else [places, others], 1)
        seen = self.encoder(tokens) if self.batch_first else self.encoder(tokens.transpose(0, 1)).transpose(0, 1)
        return self.head(seen[:, 0 if self.class_first else -1])


def sequence_first() -> nn.Module:
    return Encoder(batch_first=False, class_first=True)


def class_last() -> nn.Module:
    return Encoder(batch_first=True, class_first=False, registers=3)


def both() -> nn.Module:
    return Encoder(batch_first=False, class_first=False, registers=2)


def grid(skip: int) -> Callable[[Array], Array]:
    """Tokens [N, skip + 4 4, K] as [N, K, 4, 4]."""
    return lambda tokens: np.stack([tokens[:, skip + place] for place in range(16)], 2).reshape(len(tokens), -1, 4, 4)


def tokens_after_batch(module: nn.Module) -> nn.Module:
    """The same network with the batch first, whose layers the reference reads; every other one as it is."""
    if not isinstance(module, Encoder) or module.batch_first:
        return module
    twin = Encoder(batch_first=True, class_first=module.class_first, registers=module.others.shape[1] - 1)
    twin.load_state_dict(module.state_dict())
    return twin.eval()


def last_to_first(maps: Array) -> Array:
    return maps.transpose(0, 3, 1, 2)


CASES: dict[Callable[[], nn.Module], tuple[str, Callable[[Array], Array]]] = {
    lambda: timm.models.VisionTransformer(**SMALL): ("blocks.1.norm1", grid(1)),
    registers: ("blocks.1.norm1", grid(4)),
    deit: ("blocks.1.norm1", grid(2)),
    averaged: ("blocks", grid(1)),
    torchvision_vit: ("encoder.layers.encoder_layer_1.ln_1", grid(1)),
    swin: ("norm", last_to_first),
    class_last: ("encoder.layers.1.norm1", grid(0)),
}
NAMES = ["vit", "registers", "deit", "averaged", "torchvision", "swin", "class token last"]
# As files, those whose batch is the second axis have other limits.
SEQUENCES: dict[Callable[[], nn.Module], tuple[str, Callable[[Array], Array]]] = {
    sequence_first: ("encoder.layers.1.norm1", grid(1)),
    both: ("encoder.layers.1.norm1", grid(0)),
}


@pytest.mark.parametrize("make", [*CASES, *SEQUENCES], ids=[*NAMES, "sequence first", "both"])
def test_the_default_layer_is_a_map_with_autograd_s_gradient(make: Callable[[], nn.Module], tmp_path: Path) -> None:
    torch.manual_seed(0)
    module, (layer, as_map) = randomised(make()), (CASES | SEQUENCES)[make]
    report = export(module, tmp_path / "out.onnx", input_shape=(3, SIDE, SIDE))
    assert [item.name for item in report.metadata.layers] == [layer]
    image = np.random.default_rng(0).standard_normal((2, 3, SIDE, SIDE)).astype(np.float32)
    for images, target in ((image, [1, 3]), (image[:1], [0, 2, 4])):
        got = Explainer(report.path).run(images, target)
        expected = reference.explain(tokens_after_batch(module), images, target, [layer])
        a, g = as_map(expected.activations[layer]), as_map(expected.gradients[layer])
        assert reference.relative_error(got.activations[layer], a) < 1e-5
        assert reference.relative_error(got.gradients[layer], g) < 1e-4
        assert reference.relative_error(got.guided_backprop(), expected.guided) < 1e-4
        maps = np.maximum((g.mean((2, 3), keepdims=True) * a).sum(1), 0)
        np.testing.assert_allclose(got.grad_cam(), maps, rtol=1e-3, atol=1e-6)


def test_places_that_only_the_class_token_would_read_are_no_layer(tmp_path: Path) -> None:
    module = randomised(timm.models.VisionTransformer(**SMALL))
    names = [layer.name for layer in candidates(module, input_shape=(3, SIDE, SIDE))]
    assert "blocks.0" in names
    assert {"blocks.1", "blocks", "norm", "blocks.1.norm2"}.isdisjoint(names)
    with pytest.raises(TargetLayerError, match=r"the layer 'blocks\.1' has places that the score is not computed from"):
        export(module, tmp_path / "out.onnx", input_shape=(3, SIDE, SIDE), layers="blocks.1")


def test_skipped_tokens_and_view_are_in_the_metadata(tmp_path: Path) -> None:
    report = export(randomised(registers()), tmp_path / "out.onnx", input_shape=(3, SIDE, SIDE), verify=False)
    (layer,) = report.metadata.layers
    assert (layer.view, layer.skip, layer.shape) == ("tokens", 4, (32, 4, 4))


@pytest.mark.parametrize("batch", [None, 1], ids=["any batch", "a batch of one"])
@pytest.mark.parametrize("exporter", ["older", "newer"])
@pytest.mark.parametrize("make", CASES, ids=NAMES)
def test_a_file_of_it_gives_autograd_s_gradients(
    make: Callable[[], nn.Module], exporter: str, batch: int | None, tmp_path: Path
) -> None:
    torch.manual_seed(0)
    module, (layer, as_map) = randomised(make()), CASES[make]
    file = written(module, SIDE, tmp_path / "in.onnx", newer=exporter == "newer", batch=batch)
    report = export(file, tmp_path / "out.onnx")
    assert report.metadata.image.batch == batch
    generator = np.random.default_rng(0)
    image = generator.standard_normal((1, 3, SIDE, SIDE)).astype(np.float32)
    got, expected = Explainer(report.path).run(image, [0, 2, 4]), reference.explain(module, image, [0, 2, 4], [layer])
    (name,) = got.activations
    assert reference.relative_error(got.scores, expected.scores) < 1e-5
    assert reference.relative_error(got.activations[name], as_map(expected.activations[layer])) < 1e-5
    assert reference.relative_error(got.gradients[name], as_map(expected.gradients[layer])) < 1e-4
    assert reference.relative_error(got.guided_backprop(), expected.guided) < 1e-4
