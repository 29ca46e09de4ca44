"""What was to be reached, and whether it is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from bench.configurations import GROWTH, NETWORKS, Configuration
from bench.results import Results, ratio

Measure = Callable[[Results, str], float | None]


@dataclass(frozen=True, slots=True)
class Target:
    """A row of the table of targets.

    Attributes:
        what: In words.
        limit: What it must not exceed, or must reach where ``at_least``.
        measure: The figure for a network.
        networks: For which.
        unit: Behind the figure.
        at_least: Whether more is better.
        profile: The configuration whose profile explains a miss, or "".
    """

    what: str
    limit: float
    measure: Measure
    networks: tuple[str, ...] = NETWORKS
    unit: str = "×"
    at_least: bool = False
    profile: str = ""

    def figures(self, results: Results) -> dict[str, float]:
        """The figure of each network that was measured, rounded as it is printed, so that the print decides."""
        measured = {network: self.measure(results, network) for network in self.networks}
        return {network: round(value, 2) for network, value in measured.items() if value is not None}

    def missed(self, results: Results) -> list[str]:
        """The networks that do not reach it."""
        figures = self.figures(results)
        return [n for n, v in figures.items() if (v < self.limit if self.at_least else v > self.limit)]


def _times(kind: str, base: str = "plain", *, maps: bool = False, batch: int = 1, targets: int = 1) -> Measure:
    """How many times as long one takes as another."""

    def measure(results: Results, network: str) -> float | None:
        first, second = Configuration(kind, network, batch=batch, targets=targets), Configuration(base, network)
        return ratio(results.seconds(first, maps=maps), results.seconds(second, maps=maps))

    return measure


def _five(results: Results, network: str) -> float | None:
    value = _times("level2", "level2", targets=5)(results, network)
    return None if value is None else value / 5


def _per_image(kind: str, batch: int) -> Measure:
    def measure(results: Results, network: str) -> float | None:
        value = _times(kind, kind, batch=batch)(results, network)
        return None if value is None else value / batch

    return measure


def _number(key: str, kind: str) -> Measure:
    def measure(results: Results, network: str) -> float | None:
        first, second = Configuration(kind, network), Configuration("plain", network)
        return ratio(results.number(first, key), results.number(second, key))

    return measure


def _start(results: Results, network: str) -> float | None:
    return results.seconds(Configuration("start:onnxcam", network))


def _sooner(results: Results, network: str) -> float | None:
    return ratio(results.seconds(Configuration("start:captum", network)), _start(results, network))


def _pictures(kind: str) -> Measure:
    def measure(results: Results, network: str) -> float | None:
        configuration = Configuration(f"picture:{kind}", network)
        if configuration not in results:
            return None
        reading, maps, run = (results.part(configuration, part) or 0 for part in ("reading", "maps", "run"))
        return 100 * (reading + maps) / run

    return measure


_HEAVY_HEAD, _AT_THE_LIMIT, _DEFAULT = ("vgg16",), ("resnet50", "vgg16"), ("efficientnet_lite0",)


def _but(networks: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(network for network in NETWORKS if network not in networks)


TARGETS = (
    Target("level 0", 1.02, _times("level0"), profile="level0"),
    Target("level 1, pooling and a linear layer", 1.05, _times("level1"), _but(_HEAVY_HEAD), profile="level1"),
    Target("level 1, three large matrices", 1.25, _times("level1"), _HEAVY_HEAD, profile="level1"),
    Target("level 2", 2.0, _times("level2"), _AT_THE_LIMIT, profile="level2"),
    Target("level 2", 2.3, _times("level2"), _but(_AT_THE_LIMIT), profile="level2"),
    Target("five targets in one run, of five runs", 0.75, _five, (GROWTH,), profile="level2"),
    Target("session creation", 2.5, _number("creation", "level2")),
    *(
        Target(f"resident memory after level {level}{where}", limit, _number("resident", f"{kind}level{level}"))
        for level, limit in ((2, 1.6), (0, 1.25))
        for kind, where in (("memory:", ""), ("", ", without onnxcam's executor"))
    ),
    Target("process start to first Guided Grad-CAM", 1.0, _start, _DEFAULT, unit=" s"),
    Target("… sooner than captum", 6, _sooner, _DEFAULT, at_least=True),
    Target(
        "Guided Grad-CAM, faster than captum", 4, _times("captum-guided-grad-cam", "level2", maps=True), at_least=True
    ),
    Target("Grad-CAM, faster than pytorch-grad-cam", 4.5, _times("grad-cam", "level1", maps=True), at_least=True),
    *(
        Target(f"an image in a batch of {batch}, {name}", 1.0, _per_image(kind, batch))
        for name, kind in (("level 1", "level1"), ("level 2", "level2"))
        for batch in (8, 32)
    ),
    Target("reading and maps, small picture, of level 2", 15, _pictures("small"), (GROWTH,), unit=" %"),
    Target("reading and maps, 12 megapixels, of level 2", 15, _pictures("large"), (GROWTH,), unit=" %"),
)
