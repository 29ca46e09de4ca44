"""Conventions of measuring: what replaces a pixel, and in how many steps. Numbers of two conventions do not compare."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from onnxcam.errors import OnnxCamError
from onnxcam.text import listed, shortened

# What takes a pixel's place: ``zero`` of the preprocessed image, which is the mean colour where the preprocessing
# subtracts it; ``black`` of the photograph; or the image ``blurred`` by RISE's Gaussian, 11 x 11 with sigma 5.
Substitute = Literal["zero", "black", "blurred"]
Metric = Literal[
    "deletion", "insertion", "road", "drop", "increase", "coherency", "complexity", "adcc", "pointing", "energy"
]

_IN_WORDS = {
    "zero": "0 of the preprocessed image",
    "black": "black of the photograph",
    "blurred": "an 11 x 11 Gaussian blur, sigma 5",
}
_LOCALISATION: tuple[Metric, ...] = ("pointing", "energy")


@dataclass(frozen=True, slots=True)
class Convention:
    """A convention. All its metrics are of the class's probability, at the size of the model's input.

    Attributes:
        name: On the command line.
        source: The publication or code that defined it.
        metrics: The metrics that it defines.
        deletion: What a deleted pixel becomes.
        insertion: What insertion starts from.
        steps: Of deletion and insertion.
        masking: What is seen where a map is 0, for drop, increase and coherency.
        relative_drop: Whether the drop is divided by the probability before.
        adcc_of_means: Whether ADCC is that of the mean components, and not the mean of the images' ADCC.
        percentiles: Of ROAD.
        noise: Of ROAD's imputation, in the units of the preprocessed image.
    """

    name: str
    source: str
    metrics: tuple[Metric, ...]
    deletion: Substitute = "zero"
    insertion: Substitute = "blurred"
    steps: int = 28
    masking: Substitute = "zero"
    relative_drop: bool = True
    adcc_of_means: bool = False
    percentiles: tuple[int, ...] = (10, 20, 30, 40, 50, 60, 70, 80, 90)
    noise: float = 0.01

    def in_words(self, metric: Metric) -> str:
        """How a metric is computed, for the reader of its numbers."""
        drop = "the share of the probability that is lost" if self.relative_drop else "the probability that is lost"
        masked = f"the image times the map; where that is 0 is {_IN_WORDS[self.masking]}"
        return {
            "deletion": f"area in {self.steps} steps, a pixel becomes {_IN_WORDS[self.deletion]}",
            "insertion": f"area in {self.steps} steps, from {_IN_WORDS[self.insertion]}",
            "road": f"(LeRF - MoRF) / 2 at percentiles {', '.join(map(str, self.percentiles))}; a pixel is imputed "
            f"with noise {self.noise}",
            "drop": f"{drop} by {masked}",
            "increase": "the share of images whose probability that raises",
            "coherency": "(correlation with the map of that + 1) / 2",
            "complexity": "mean of the map",
            "adcc": f"harmonic mean of coherency, 1 - complexity and 1 - drop, "
            f"{'of their means' if self.adcc_of_means else 'for each image'}",
            "pointing": "the share of maxima on the object, without tolerance",
            "energy": "the share of the map on the object",
        }[metric]


ONNXCAM = Convention(
    "onnxcam",
    "deletion and insertion as RISE, the drop and ADCC as ADCC's authors, ROAD as pytorch-grad-cam at three "
    "percentiles",
    ("deletion", "insertion", "road", "drop", "increase", "coherency", "complexity", "adcc", *_LOCALISATION),
    percentiles=(20, 50, 80),
)
RISE = Convention(
    "rise",
    "evaluation.py of RISE, https://arxiv.org/abs/1806.07421, 1792 pixels a step",
    ("deletion", "insertion"),
)
OPENVINO_XAI = Convention(
    "openvino-xai",
    "openvino_xai.metrics of OpenVINO-XAI 1.1.0",
    ("deletion", "insertion", "drop", "coherency", "complexity", "adcc", "pointing"),
    deletion="black",
    insertion="black",
    steps=30,
    masking="black",
    adcc_of_means=True,
)
PYTORCH_GRAD_CAM = Convention(
    "pytorch-grad-cam",
    "pytorch_grad_cam.metrics of grad-cam 1.5.7",
    ("road", "drop", "increase", "coherency", "complexity"),
    relative_drop=False,
)
CONVENTIONS = {convention.name: convention for convention in (ONNXCAM, RISE, OPENVINO_XAI, PYTORCH_GRAD_CAM)}

# Of which metrics less is better.
LOWER_IS_BETTER: frozenset[Metric] = frozenset({"deletion", "drop", "complexity"})


def convention_of(name: str) -> Convention:
    """A convention by its name.

    Raises:
        OnnxCamError: There is none.
    """
    if name not in CONVENTIONS:
        raise OnnxCamError(f"there is no convention {shortened(repr(name))}; there are {listed(CONVENTIONS)}")
    return CONVENTIONS[name]
