"""The options of a job."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from onnxcam.methods import required_level

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from onnxcam.cli.targets import Asked
    from onnxcam.levels import Level
    from onnxcam.methods import Method


@dataclass(frozen=True, slots=True)
class Options:
    """The command's options, as ``onnxcam.cli.commands.explain`` describes them; no methods stands for all.

    The targets are texts until they are read.
    """

    model: Path | None
    targets: tuple[Asked, ...]
    like: Path | None
    layer: str | None
    methods: tuple[Method, ...]
    output: str | None
    format: str | None
    recursive: bool
    no_clobber: bool
    resume: bool
    npz: bool
    json: bool
    top: int
    max_pixels: int | None
    providers: Sequence[str] | None
    threads: int | None

    @property
    def level(self) -> Level:
        """The lowest level that the methods need."""
        return max(map(required_level, self.methods), default=2)
