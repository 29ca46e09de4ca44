from __future__ import annotations

import copy
import logging

import numpy as np
import onnx
import pytest
import torch
from torch import nn

from onnxcam_export import ScoreError, SourceError, export
from onnxcam_export.read.pytorch.from_torch import capture
from support import reference
from support.networks import small


class Headed(nn.Module):
    """Returns its scores in a container, beside something else."""

    def __init__(self, body: nn.Module, kind: str) -> None:
        super().__init__()
        self.body, self.kind = body, kind

    def forward(self, x):
        scores = self.body(x)
        other = x.mean((1, 2, 3))
        if self.kind == "dict":
            return {"other": other, "scores": scores}
        return (other[:, None, None].expand(-1, 2, 2), {"scores": [scores, other]})


def agrees(explanation, expected, layer):
    assert reference.relative_error(explanation.scores, expected.scores) < 1e-5
    assert reference.relative_error(explanation.gradients[layer], expected.gradients[layer]) < 1e-5
    assert reference.relative_error(explanation.guided, expected.guided) < 1e-5


def test_flags_hooks_and_weights_are_left_as_they_were(small_module, tmp_path):
    small_module.train()
    small_module.block[1].eval()
    small_module.down.weight.requires_grad_(requires_grad=False)
    calls = []
    small_module.relu.register_forward_hook(lambda *_: calls.append("forward"))
    small_module.relu.register_full_backward_hook(lambda *_: calls.append("backward"))
    before = copy.deepcopy(small_module.state_dict())
    flags = [module.training for module in small_module.modules()]
    hooks = [(len(m._forward_hooks), len(m._backward_hooks)) for m in small_module.modules()]

    export(small_module, tmp_path / "m.onnx", input_shape=(3, 16, 16))

    assert [module.training for module in small_module.modules()] == flags
    assert [(len(m._forward_hooks), len(m._backward_hooks)) for m in small_module.modules()] == hooks
    assert {name for name, parameter in small_module.named_parameters() if not parameter.requires_grad} == {
        "down.weight"
    }
    assert all(parameter.grad is None for parameter in small_module.parameters())
    for name, value in small_module.state_dict().items():
        assert torch.equal(value, before[name])


def test_a_module_in_training_mode_is_exported_in_evaluation_mode(
    small_module, small_report, tmp_path, explain, images
):
    report = export(small_module.train(), tmp_path / "m.onnx", input_shape=(3, 16, 16), layers="block")
    expected = explain(small_report, images(2), [3, 1])
    np.testing.assert_array_equal(explain(report, images(2), [3, 1]).scores, expected.scores)


def test_random_state_is_left_alone(small_module):
    torch.manual_seed(7)
    expected = torch.rand(3)
    torch.manual_seed(7)
    capture(small_module, {"x": (3, 16, 16)})
    assert torch.equal(torch.rand(3), expected)


def test_an_exported_program(small_module, tmp_path, explain, images):
    batch = torch.export.Dim("n", min=1, max=64)
    program = torch.export.export(small_module, (torch.zeros(2, 3, 16, 16),), dynamic_shapes=({0: batch},))
    report = export(program, tmp_path / "m.onnx", layers="block")
    assert report.metadata.source.kind == "torch.export.ExportedProgram"
    assert report.metadata.image.batch is None
    expected = reference.explain(small_module, images(2), [3, 1], ["block"])
    agrees(explain(report, images(2), [3, 1]), expected, "block")


def test_an_exported_program_of_one_image(small_module, tmp_path, explain, images):
    """Its batch is a constant, and so is the artifact's."""
    program = torch.export.export(small_module, (torch.zeros(1, 3, 16, 16),))
    report = export(program, tmp_path / "m.onnx", layers="block")
    assert report.metadata.image.batch == 1
    expected = reference.explain(small_module, images(1), [3, 1], ["block"])
    agrees(explain(report, images(1), [3, 1]), expected, "block")


@pytest.mark.parametrize(("kind", "wanted"), [("dict", "scores"), ("tuple", "1.scores.0")])
def test_a_module_that_returns_containers(small_module, tmp_path, explain, images, kind, wanted):
    report = export(
        Headed(small_module, kind),
        tmp_path / "m.onnx",
        input_shape=(3, 16, 16),
        score_output=wanted,
        layers="body.block",
    )
    expected = reference.explain(small_module, images(2), [3, 1], ["block"])
    got = explain(report, images(2), [3, 1])
    assert reference.relative_error(got.scores, expected.scores) < 1e-5
    assert reference.relative_error(got.guided, expected.guided) < 1e-5
    assert len([o for o in onnx.load(report.path).graph.output if "onnxcam" not in o.name]) == (
        2 if kind == "dict" else 3
    )


def test_an_output_by_its_index(small_module, tmp_path, explain, images):
    class Pair(nn.Module):
        def __init__(self):
            super().__init__()
            self.body = small_module

        def forward(self, x):
            scores = self.body(x)
            return scores * 0 + 1, scores

    report = export(Pair(), tmp_path / "m.onnx", input_shape=(3, 16, 16), score_output=1)
    expected = reference.explain(small_module, images(2), [3, 1])
    assert reference.relative_error(explain(report, images(2), [3, 1]).scores, expected.scores) < 1e-5


def test_an_output_that_does_not_exist(small_module, tmp_path):
    with pytest.raises(ScoreError, match="the module returns no 'logits'; score_output can be one of other, scores"):
        export(Headed(small_module, "dict"), tmp_path / "m.onnx", input_shape=(3, 16, 16), score_output="logits")


@pytest.mark.parametrize("size", [1, 2, 3, (4, 8), 12])
def test_adaptive_pooling_to_any_size(tmp_path, explain, images, size):
    """From 8 x 8: one window, even windows, uneven windows, to the same size, to a larger one."""
    torch.manual_seed(0)
    cells = size * size if isinstance(size, int) else size[0] * size[1]
    module = nn.Sequential(
        nn.Conv2d(3, 4, 3, 2, 1), nn.ReLU(), nn.AdaptiveAvgPool2d(size), nn.Flatten(), nn.Linear(4 * cells, 5)
    )
    report = export(module, tmp_path / "m.onnx", input_shape=(3, 16, 16), layers="0")
    agrees(explain(report, images(2), [3, 1]), reference.explain(module, images(2), [3, 1], ["0"]), "0")


def test_activations_of_parts_are_compared(tmp_path):
    """The parts of a Split have names of their own in ONNX."""

    class Gated(nn.Module):
        def __init__(self):
            super().__init__()
            self.first, self.second, self.act = nn.Conv2d(3, 8, 3), nn.Conv2d(4, 5, 3), nn.SiLU()

        def forward(self, x):
            gate, value = self.first(x).split((4, 4), 1)
            return self.second(self.act(gate) * value).mean((2, 3))

    report = export(Gated(), tmp_path / "m.onnx", input_shape=(3, 16, 16))
    assert not report.metadata.verification.notes
    assert report.metadata.verification.errors["onnxcam.guided_gradients"] < 1e-5


def test_variances_are_compared(tmp_path, explain, images):
    """PyTorch exports them as primitives that have no derivative there."""

    class Scaled(nn.Module):
        def __init__(self):
            super().__init__()
            self.first = nn.Conv2d(3, 5, 3)

        def forward(self, x):
            x = self.first(x)
            return (x * torch.rsqrt(torch.var(x, dim=1, correction=0, keepdim=True) + 1e-3)).relu().mean((2, 3))

    torch.manual_seed(0)
    module = Scaled()
    report = export(module, tmp_path / "m.onnx", input_shape=(3, 16, 16), layers="first")
    assert not report.metadata.verification.notes
    agrees(explain(report, images(2), [3, 1]), reference.explain(module, images(2), [3, 1], ["first"]), "first")


def test_maps_rolled_with_their_channels_last(tmp_path, explain, images):
    """As Swin does."""

    class Rolled(nn.Module):
        def __init__(self):
            super().__init__()
            self.first, self.mix, self.last = nn.Conv2d(3, 6, 3, padding=1), nn.Linear(12, 6), nn.Linear(6, 5)

        def forward(self, x):
            x = self.first(x).permute(0, 2, 3, 1)
            x = torch.cat([x[:, 0::2, 0::2], x[:, 1::2, 1::2]], -1)
            x = torch.roll(self.mix(x), (-2, -3), (1, 2)).relu()
            return self.last(x[:, :6, :6].permute(0, 3, 1, 2).mean((2, 3)))

    torch.manual_seed(0)
    module = Rolled()
    report = export(module, tmp_path / "m.onnx", input_shape=(3, 16, 16), layers="first")
    agrees(explain(report, images(2), [3, 1]), reference.explain(module, images(2), [3, 1], ["first"]), "first")


def test_nothing_is_printed(small_module, tmp_path, capfd, caplog):
    with caplog.at_level(logging.WARNING):
        export(small_module, tmp_path / "m.onnx", input_shape=(3, 16, 16))
    captured = capfd.readouterr()
    assert captured.out == captured.err == ""
    assert not [record for record in caplog.records if record.levelno >= logging.WARNING]


def test_a_module_that_fails_says_why(small_module, tmp_path):
    with pytest.raises(SourceError, match=r"PyTorch cannot export this model: .*channels") as caught:
        export(small_module, tmp_path / "m.onnx", input_shape=(4, 16, 16))
    assert "\n" not in str(caught.value)
    assert "\x1b" not in str(caught.value)


def test_what_pytorch_cannot_translate_is_named(tmp_path):
    class Odd(nn.Module):
        def forward(self, x):
            return torch.special.bessel_j0(x).mean((2, 3))

    with pytest.raises(SourceError, match=r"PyTorch cannot export this model: .*bessel_j0"):
        export(Odd(), tmp_path / "m.onnx", input_shape=(3, 16, 16))


def test_a_module_that_branches_on_the_batch(tmp_path):
    class Branching(nn.Module):
        def forward(self, x):
            return x.mean((2, 3)) if len(x) > 4 else x.amax((2, 3))

    with pytest.raises(SourceError, match="PyTorch cannot export this model"):
        export(Branching(), tmp_path / "m.onnx", input_shape=(3, 16, 16))


class Wrapper(nn.Module):
    """As DataParallel and Keras' modules have it."""

    def __init__(self) -> None:
        super().__init__()
        self.inner = small()

    def forward(self, *args: torch.Tensor) -> torch.Tensor:
        return self.inner(*args)


@pytest.mark.parametrize("wrap", [Wrapper, lambda: nn.DataParallel(small())])
def test_wrappers_that_pass_any_arguments_on(wrap, tmp_path):
    assert export(wrap().eval(), tmp_path / "out.onnx", input_shape=(3, 16, 16)).metadata.verification is not None


@pytest.mark.parametrize(("kind", "example"), [("bfloat16", False), ("float64", False), ("float64", True)])
def test_a_module_of_another_type_becomes_float32_with_a_note(tmp_path, explain, images, kind, example):
    dtype = getattr(torch, kind)
    module = small().to(dtype)
    given = {"example_inputs": torch.zeros(2, 3, 16, 16, dtype=dtype)} if example else {"input_shape": (3, 16, 16)}
    report = export(module, tmp_path / "out.onnx", layers="relu", **given)
    assert next(module.parameters()).dtype == dtype
    assert f"what the model has in {kind} was made float32" in str(report)
    expected = reference.explain(module.float(), images(2), [3, 1], ["relu"])
    agrees(explain(report, images(2), [3, 1]), expected, "relu")


class Partly(nn.Module):
    """Computes a part in another type."""

    def __init__(self, kind: str) -> None:
        super().__init__()
        self.inner, self.kind = small(), kind

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if self.kind == "autocast":
            with torch.autocast("cpu", dtype=torch.bfloat16):
                return self.inner(x).float()
        scores = self.inner(x.to(getattr(torch, self.kind)).float())
        return scores.double().tanh() if self.kind == "float64" else scores


@pytest.mark.parametrize("kind", ["autocast", "bfloat16", "float64"])
def test_a_part_of_another_type_becomes_float32(tmp_path, explain, images, kind):
    module = Partly(kind)
    layers = None if kind == "autocast" else "inner.relu"  # inside autocast, PyTorch keeps no names of modules
    report = export(module, tmp_path / "out.onnx", input_shape=(3, 16, 16), layers=layers)
    assert "was made float32" in str(report)
    got = explain(report, images(2), [3, 1])
    inner = reference.explain(module.inner, images(2), [3, 1], ["relu"])
    expected = np.tanh(inner.scores) if kind == "float64" else inner.scores
    assert got.scores.dtype == np.float32
    assert reference.relative_error(got.scores, expected) < 1e-5


def test_compiled_modules_are_unwrapped(tmp_path):
    module = torch.compile(small(), backend="eager")
    wrapped = nn.DataParallel(module)
    for source in (module, wrapped):
        report = export(source, tmp_path / "out.onnx", input_shape=(3, 16, 16), layers=module.relu)
        assert [layer.name for layer in report.metadata.layers] == ["relu"]


def test_an_argument_that_must_be_named(tmp_path, explain, images):
    class Named(nn.Module):
        def __init__(self):
            super().__init__()
            self.inner = small()

        def forward(self, *, image):
            return self.inner(image)

    expected = reference.explain(small(), images(2), [3, 1], ["relu"])
    for given in ({"input_shape": (3, 16, 16)}, {"example_inputs": {"image": torch.zeros(2, 3, 16, 16)}}):
        report = export(Named(), tmp_path / "out.onnx", layers="inner.relu", **given)
        got = explain(report, images(2), [3, 1])
        assert reference.relative_error(got.scores, expected.scores) < 1e-5


@pytest.mark.parametrize("beside", [False, True])
def test_detach_is_noted_where_the_scores_depend_on_it(tmp_path, beside):
    class Detached(nn.Module):
        def __init__(self):
            super().__init__()
            self.inner = small()

        def forward(self, x):
            scores = self.inner(x)
            return (scores, x.detach() * 2) if beside else self.inner(x.detach())

    report = export(Detached(), tmp_path / "out.onnx", input_shape=(3, 16, 16), score_output=0)
    assert ("detach() was ignored" in str(report)) is not beside


def test_the_inverse_fourier_transform_of_half_a_spectrum(tmp_path, explain, images):
    class Filtered(nn.Module):
        def __init__(self):
            super().__init__()
            self.inner = small()
            self.gain = nn.Parameter(torch.linspace(0.5, 2, 9))

        def forward(self, x):
            return self.inner(torch.fft.irfft(torch.fft.rfft(x) * self.gain, n=16))

    module = Filtered()
    report = export(module, tmp_path / "out.onnx", input_shape=(3, 16, 16), layers="inner.relu")
    agrees_at_the_input = explain(report, images(2), [3, 1]).guided
    expected = reference.explain(module, images(2), [3, 1], ["inner.relu"]).guided
    assert reference.relative_error(agrees_at_the_input, expected) < 1e-4


def test_modules_with_group_norm(tmp_path):
    """The exporter left a symbol in the shape of a constant, which was taken for a merged batch."""
    layers = (nn.Conv2d(3, 8, 3), nn.GroupNorm(2, 8), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 5))
    report = export(nn.Sequential(*layers).eval(), tmp_path / "out.onnx", input_shape=(3, 16, 16))
    assert "onnxcam.guided_gradients" in report.metadata.verification.errors


def test_the_scores_may_be_any_value_of_the_program(tmp_path):
    class Doubled(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inner = small()

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return torch.floor(self.inner(x) * 2)

    report = export(Doubled().eval(), tmp_path / "out.onnx", input_shape=(3, 16, 16), score_output="linear")
    assert report.metadata.score_value == "linear"


def test_what_forward_caches_is_as_it_was():
    """The anchors of a YOLO head: of the capture they would have no values, and the module would no longer run."""

    class Caching(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv, self.size, self.grid = nn.Conv2d(3, 5, 3), None, torch.zeros(1)

        def forward(self, x):
            y = self.conv(x)
            if self.size != y.shape[-1]:
                self.size, self.grid = y.shape[-1], torch.arange(y.shape[-1]) + y.new_zeros(1)
            return (y * self.grid).mean((2, 3))

    network = Caching()
    capture(network, {"x": (3, 8, 8)})
    assert network.size is None
    assert network.training
    assert network(torch.ones(1, 3, 8, 8)).detach().numpy().shape == (1, 5)
