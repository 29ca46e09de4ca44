"""What the peers measure on maps of the default model: writes metric_peers.json, or checks it with ``--check``.

Run by ``make test-metrics``, in an environment that has them: pytorch-grad-cam (MIT), OpenVINO-XAI (Apache-2.0) and
Quantus (GPL-3). They are run as they are, and get the model as a function; the runtime needs none of them.
"""

import json
import sys
import types
from pathlib import Path

import numpy as np
import torch
from scipy.ndimage import gaussian_filter

HERE = Path(__file__).parent
RESULTS = HERE / "metric_peers.json"
CHELSEA_BOX = (10, 20, 150, 200)  # left, top, right, bottom on the model's 224 x 224 pixels: her face
TOLERANCE = 1e-3


def declare_torchvision_operators() -> torch.library.Library:
    """A torchvision from another index than a CPU build of torch lacks its operators, and then cannot be imported."""
    library = torch.library.Library("torchvision", "DEF")
    library.define("nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
    library.define("qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
    return library


declared = declare_torchvision_operators()

import openvino  # noqa: E402  after the declaration above, since these import torchvision
import quantus  # noqa: E402
from pytorch_grad_cam.metrics import arcc, cam_mult_image, road  # noqa: E402
from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget  # noqa: E402

# Its name before OpenVINO 2026, by which OpenVINO-XAI 1.1.0 imports it.
sys.modules["openvino.runtime"] = openvino.runtime = openvino
from openvino_xai.metrics import ADCC, InsertionDeletionAUC, PointingGame  # noqa: E402

from onnxcam import Explainer  # noqa: E402
from onnxcam.evaluation.candidates import saliency  # noqa: E402
from onnxcam.evaluation.scorer import Scorer  # noqa: E402
from onnxcam.execution.model import LoadedModel  # noqa: E402

METHODS = ("grad-cam", "guided-grad-cam")


class Network(torch.nn.Module):
    """The default model's probabilities, [N, C]."""

    def __init__(self) -> None:
        super().__init__()
        self._scorer = Scorer(LoadedModel(level=0))

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return torch.from_numpy(np.stack([self._scorer.of_classes(image) for image in images.numpy()]))


def measure(explainer: Explainer, network: Network, photograph: str) -> dict[str, dict[str, float]]:
    explanation = explainer.explain(HERE / photograph)
    image, c = explanation.tensor[0], int(explanation.class_index[0])
    maps = {method: saliency(explanation, method) for method in METHODS}
    maps["random"] = np.random.default_rng(0).random(image.shape[1:], np.float32)
    return {
        name: of_pytorch_grad_cam(network, explainer, image, c, values, name)
        | of_openvino_xai(network, explainer, image, c, values, name)
        | of_quantus(network, image, c, values)
        | of_rise(network, image, c, values)
        for name, values in maps.items()
    }


def explain(explainer: Explainer, name: str, image: np.ndarray, c: int) -> np.ndarray:
    """The map of another image; a random one is turned by half."""
    if name == "random":
        return np.random.default_rng(0).random(image.shape[1:], np.float32)[::-1].copy()
    return saliency(explainer.run(image[None].astype(np.float32), c), name)


def of_pytorch_grad_cam(network, explainer, image, c, values, name) -> dict[str, float]:
    tensor, maps, targets = torch.from_numpy(image[None]), values[None], [ClassifierOutputTarget(c)]
    arguments = (tensor, maps, targets, network)
    combined = road.ROADCombined()
    torch.manual_seed(0)
    with_noise = float(combined(*arguments)[0])
    road.NoisyLinearImputer.__init__.__defaults__ = (0.0, road.neighbors_weights)
    without_noise = float(road.ROADCombined()(*arguments)[0])
    road.NoisyLinearImputer.__init__.__defaults__ = (0.01, road.neighbors_weights)

    def base_method(input_tensor: torch.Tensor, targets: list[object]) -> np.ndarray:
        del targets
        return explain(explainer, name, input_tensor[0].numpy(), c)[None]

    return {
        "pgc_drop": float(cam_mult_image.DropInConfidence()(*arguments)[0]),
        "pgc_increase": float(cam_mult_image.IncreaseInConfidence()(*arguments)[0]),
        "pgc_road": with_noise,
        "pgc_road_without_noise": without_noise,
        "pgc_complexity": float(arcc.Complexity()(maps)[0]),
        "pgc_coherency": float(arcc.Coherency()(*arguments, base_method)[0]),
    }


def of_openvino_xai(network, explainer, image, c, values, name) -> dict[str, float]:
    """OpenVINO-XAI masks the photograph, so it gets pixels from 0 to 1, and makes the model's input of them."""
    black = np.float32(-127 / 128)
    pixels = (image - black).transpose(1, 2, 0)

    def to_tensor(pixels: np.ndarray) -> np.ndarray:
        return (pixels.transpose(2, 0, 1) + black).astype(np.float32)

    def predict(pixels: np.ndarray) -> np.ndarray:
        return network(torch.from_numpy(to_tensor(pixels))[None])[0].numpy()

    def explain_pixels(pixels: np.ndarray, targets: int, **options: object) -> types.SimpleNamespace:
        del options
        return types.SimpleNamespace(saliency_map={targets: explain(explainer, name, to_tensor(pixels), c)})

    curves, adcc = InsertionDeletionAUC.__new__(InsertionDeletionAUC), ADCC.__new__(ADCC)
    curves.model_predict = adcc.model_predict = predict
    adcc.explainer, adcc.black_box_kwargs = explain_pixels, {}
    left, top, right, bottom = CHELSEA_BOX
    # Its boxes include their right and lower edge.
    pointing = PointingGame()(values, [(left, top, right - left - 1, bottom - top - 1)])
    measured = curves(values, c, pixels) | adcc(values, c, pixels) | pointing
    return {f"ovx_{key}": float(value) for key, value in measured.items()}


def of_quantus(network, image, c, values) -> dict[str, float]:
    left, top, right, bottom = CHELSEA_BOX
    region = np.zeros((1, 1, *values.shape), bool)
    region[..., top:bottom, left:right] = True
    batch = {
        "model": network,
        "x_batch": image[None],
        "y_batch": np.array([c]),
        "a_batch": values[None, None],
        "s_batch": region,
    }
    quiet = {"disable_warnings": True, "display_progressbar": False, "abs": False, "normalise": False}
    (hit,) = quantus.PointingGame(**quiet)(**batch)
    (mass,) = quantus.RelevanceMassAccuracy(**quiet)(**batch)
    return {"quantus_pointing": float(hit), "quantus_mass": float(mass)}


def of_rise(network, image, c, values) -> dict[str, float]:
    """RISE's code is no package: these are its formulas in torch and scipy; its sort leaves the order of ties open."""
    one = np.zeros((11, 11), np.float32)
    one[5, 5] = 1
    kernel = torch.from_numpy(gaussian_filter(one, 5)).repeat(3, 1, 1, 1)
    blur = torch.nn.functional.conv2d(torch.from_numpy(image[None]), kernel, padding=5, groups=3)[0].numpy()
    order = np.argsort(-values.ravel(), kind="stable")
    areas = {}
    for name, start, finish in (("deletion", image, np.zeros_like(image)), ("insertion", blur, image)):
        mixed, scores = start.reshape(3, -1).copy(), []
        for step in range(29):
            scores.append(float(network(torch.from_numpy(mixed.reshape(1, *image.shape)))[0, c]))
            places = order[1792 * step : 1792 * (step + 1)]
            mixed[:, places] = finish.reshape(3, -1)[:, places]
        areas[f"rise_{name}"] = (sum(scores) - scores[0] / 2 - scores[-1] / 2) / 28
    return areas


def main() -> None:
    explainer, network = Explainer(), Network()
    found = {name: measure(explainer, network, name) for name in ("chelsea.jpg",)}
    if sys.argv[1:] != ["--check"]:
        RESULTS.write_text(json.dumps(found, indent=1) + "\n")
        return
    stored, count = json.loads(RESULTS.read_text()), 0
    for photograph, maps in found.items():
        for name, numbers in maps.items():
            for key, value in numbers.items():
                count += 1
                before = stored[photograph][name][key]
                if abs(value - before) > TOLERANCE:
                    sys.exit(f"{photograph}, {name}, {key}: {value}, and in {RESULTS.name} {before}")
    print(f"{count} numbers of the peers are as in {RESULTS.name}")


if __name__ == "__main__":
    main()
