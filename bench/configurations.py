"""The configurations that are measured, each in its own process."""

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
FIXED = ("fixed0", "fixed1", "fixed2")
ONNX_KINDS = ("plain", *LEVELS, "flat")
# In an `Explainer`, whose sessions keep less memory; the plain model in a session with the same options.
MEMORY_KINDS = ("memory:bare", "memory:plain", "memory:level0", "memory:level2", *(f"memory:{kind}" for kind in FIXED))
PEERS = ("captum-guided-grad-cam", "captum-grad-cam", "grad-cam", "autograd")
GROUPS = ("levels", "peers", "batch", "memory", "start")
BATCHES = (8, 32)
SEVERAL = 5  # classes that are explained after one forward pass
DEFAULT_MODEL = "efficientnet_lite0"  # the model in the package, with which start-up is measured


@dataclass(frozen=True, slots=True)
class Configuration:
    """One configuration.

    Attributes:
        kind: ``plain``, ``level2``, ``flat``, a peer, ``start:captum``, …; ``memory:fixed1`` is an ``Explainer`` whose
            level is fixed, ``memory:bare`` a process without a model.
        network: The network.
        size: The side of its square input, in pixels.
        batch: The images of a run.
        targets: The classes that a run explains.
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
        """The configuration in words."""
        several = f", {self.targets} targets" if self.targets > 1 else ""
        return f"{self.kind} {self.network} {self.size}² batch {self.batch}{several}, {self.provider} {self.precision}"

    def to_json(self) -> str:
        """The key of the configuration in the results."""
        return json.dumps(dataclasses.asdict(self))

    @property
    def export(self) -> str:
        """The export of the network that it runs: ``plain``, ``explainer``, ``flat``, or "" for none."""
        if self.kind == "start:plain":
            return "plain"
        if self.kind.startswith("start:") or self.kind in {*PEERS, "memory:bare"}:
            return ""
        kind = self.kind.rpartition(":")[2]
        return "explainer" if kind in {*LEVELS, *FIXED} else kind


def plan(networks: list[str], groups: list[str]) -> list[list[Configuration]]:
    """A set of configurations for each network; those of a set take turns."""
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
            return each("plain", "level0", "level2", *MEMORY_KINDS)
        case _ if network == DEFAULT_MODEL:
            return each("start:onnxcam", "start:captum", "start:plain")
    return []
