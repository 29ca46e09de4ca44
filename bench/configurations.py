"""What is measured."""

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
ONNX_KINDS = ("plain", *LEVELS, "flat", "onnx-ad")
PEERS = (
    "captum-guided-grad-cam",
    "captum-grad-cam",
    "grad-cam",
    "grad-cam-guided",
    "autograd",
    "autograd-compiled",
    "onnx-ad",
)
GROUPS = ("levels", "batch", "peers", "growth", "service", "pictures", "start", "install", "profile")
SIZES = (224, 320, 448, 640, 832, 1024)
GROWTH = "resnet50"  # what growth, service and pictures are measured with

# Compiling takes a minute, and what is installed or where the time goes does not change from round to round.
_AT_MOST = {"autograd-compiled": 2, "install": 1, "profile": 1}


@dataclass(frozen=True, slots=True)
class Configuration:
    """One thing to measure.

    Attributes:
        kind: What runs: ``plain``, ``level2``, a peer, …
        network: On which network.
        size: Of its square input, in pixels.
        batch: Images in one run.
        targets: Classes explained in one run.
        clients: Threads that ask at the same time; 0 is no service, but one run after the other.
        provider: ``cpu`` or ``cuda``.
        precision: ``float32``, ``tf32`` or ``float16``.
    """

    kind: str
    network: str = GROWTH
    size: int = 224
    batch: int = 1
    targets: int = 1
    clients: int = 0
    provider: str = "cpu"
    precision: str = "float32"

    def to_json(self) -> str:
        """Its key among the results."""
        return json.dumps(dataclasses.asdict(self))

    @property
    def exports(self) -> tuple[str, ...]:
        """The exports that it needs."""
        group, _, kind = self.kind.rpartition(":")
        if group == "start":
            return ("plain",) if kind == "plain" else ()
        if group == "picture":
            return ("explainer",)
        if kind == "onnx-ad":
            return ("plain", "onnx-ad")
        return ("explainer",) if kind in LEVELS else (kind,) if kind in ONNX_KINDS else ()

    @property
    def runs_executor(self) -> bool:
        """Whether onnxcam's executor takes part, and not a session of ONNX Runtime or a peer alone."""
        return self.clients > 0 or self.kind.partition(":")[0] in {"start", "picture", "memory", "install"}

    def rounds(self, wanted: int) -> int:
        """How often it is measured."""
        return min(wanted, _AT_MOST.get(self.kind.partition(":")[0], wanted))


def plan(networks: list[str], groups: list[str]) -> list[list[Configuration]]:
    """Sets of configurations; those of a set take turns."""
    of_each = [list(dict.fromkeys(c for g in groups for c in _of_network(g, n))) for n in networks]
    others = [_others(group) for group in groups]
    return [several for several in (*of_each, *others) if several]


def _of_network(group: str, network: str) -> list[Configuration]:
    def these(*kinds: str, batch: int = 1, targets: int = 1) -> list[Configuration]:
        return [Configuration(kind, network, batch=batch, targets=targets) for kind in kinds]

    match group:
        case "levels":
            return these("plain", *LEVELS, "flat", "memory:level0", "memory:level2") + these("level2", targets=5)
        case "batch":
            return [c for batch in (1, 8, 32) for c in these("plain", "level1", "level2", batch=batch)]
        case "peers":
            return these("plain", "level1", "level2", *PEERS)
        case "profile":
            return these(*(f"profile:{kind}" for kind in ("plain", *LEVELS)))
    return []


def _others(group: str) -> list[Configuration]:
    kinds = ("plain", "level1", "level2")
    match group:
        case "growth":
            by_batch = [Configuration(kind, batch=batch) for batch in (1, 2, 4, 8, 16, 32) for kind in kinds]
            by_size = [Configuration(kind, size=size) for size in SIZES for kind in kinds]
            by_targets = [Configuration("level2", targets=targets) for targets in (1, 2, 5, 10, 20)]
            return list(dict.fromkeys([*by_batch, *by_size, *by_targets]))
        case "service":
            return [Configuration(k, clients=n) for n in (1, 2, 4, 8) for k in ("plain", "level0", "level2")]
        case "pictures":
            return [Configuration("picture:small"), Configuration("picture:large")]
        case "start":
            return [Configuration(f"start:{kind}", "efficientnet_lite0") for kind in ("onnxcam", "captum", "plain")]
        case "install":
            return [Configuration("install", "efficientnet_lite0")]
    return []


def gpu_plan(networks: list[str]) -> list[list[Configuration]]:
    """The same table for CUDA: batches up to 256, single precision, TF32 and half."""
    kinds = ("plain", *LEVELS, "flat", "captum-guided-grad-cam", "captum-grad-cam", "autograd", "autograd-compiled")
    return [
        [
            *(
                Configuration(kind, network, batch=batch, provider="cuda", precision=precision)
                for batch in (1, 8, 32, 128, 256)
                for kind in kinds
            ),
            Configuration("profile:level2", network, provider="cuda", precision=precision),
        ]
        for network in networks
        for precision in ("float32", "tf32", "float16")
    ]
