"""What is measured: one configuration is one fresh process."""

from __future__ import annotations

import dataclasses
import json
import os
from dataclasses import dataclass
from pathlib import Path

REPOSITORY = Path(__file__).parents[1]
CACHE = Path(os.environ.get("BENCH_CACHE", REPOSITORY / "bench-results"))

NETWORKS = ("resnet18", "resnet50", "vgg16", "mobilenet_v2", "densenet121", "efficientnet_lite0")
LEVELS = ("level0", "level1", "level2")
ONNX_KINDS = ("plain", *LEVELS, "flat")
PEERS = ("captum-guided-grad-cam", "captum-grad-cam", "grad-cam", "autograd")
GROUPS = ("levels", "peers", "batch", "memory", "start")
BATCHES = (8, 32)
SEVERAL = 5  # the classes that are explained after one forward pass
DEFAULT_MODEL = "efficientnet_lite0"  # the one that the package carries, so start-up is measured with it


@dataclass(frozen=True, slots=True)
class Configuration:
    """One thing to measure.

    Attributes:
        kind: What runs: ``plain``, ``level2``, a peer, ``memory:level2``, ``start:captum``, …
        network: On which network.
        size: Of its square input, in pixels.
        batch: Images in one run.
        targets: Classes explained in one run.
        provider: ``cpu`` or ``cuda``.
        precision: ``float32``, ``tf32`` or ``float16``.
    """

    kind: str
    network: str = "resnet50"
    size: int = 224
    batch: int = 1
    targets: int = 1
    provider: str = "cpu"
    precision: str = "float32"

    def __str__(self) -> str:
        """In words, for the progress of a run."""
        several = f", {self.targets} targets" if self.targets > 1 else ""
        return f"{self.kind} {self.network} {self.size}² batch {self.batch}{several}, {self.provider} {self.precision}"

    def to_json(self) -> str:
        """Its key among the results."""
        return json.dumps(dataclasses.asdict(self))

    @property
    def export(self) -> str:
        """Which export of the network it runs: ``plain``, ``explainer``, ``flat``, or "" for none."""
        if self.kind == "start:plain":
            return "plain"
        if self.kind.startswith("start:") or self.kind in PEERS:
            return ""
        kind = self.kind.rpartition(":")[2]
        return "explainer" if kind in LEVELS else kind


def plan(networks: list[str], groups: list[str]) -> list[list[Configuration]]:
    """Sets of configurations, one a network; those of a set take turns."""
    return [list(dict.fromkeys(c for group in groups for c in _group(group, network))) for network in networks]


def _group(group: str, network: str) -> list[Configuration]:
    def each(*kinds: str, batch: int = 1, targets: int = 1) -> list[Configuration]:
        return [Configuration(kind, network, batch=batch, targets=targets) for kind in kinds]

    match group:
        case "levels":
            return [*each(*ONNX_KINDS), *each("level2", targets=SEVERAL)]
        case "peers":
            return each("plain", *PEERS)
        case "batch":
            return [c for batch in (1, *BATCHES) for c in each("plain", "level1", "level2", batch=batch)]
        case "memory":
            return each("plain", "level0", "level2", "memory:level0", "memory:level2")
        case _ if network == DEFAULT_MODEL:
            return each("start:onnxcam", "start:captum", "start:plain")
    return []
