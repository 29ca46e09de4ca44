"""A model that is served: checked when it is opened, and kept at the level that is asked for most cheaply."""

from __future__ import annotations

import threading
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, cast

from onnxcam.artifact.adapt import stated_metadata
from onnxcam.contract import LEVEL_INPUT, SEED_INPUT, TARGET_INPUT
from onnxcam.errors import ModelError, VerificationError
from onnxcam.execution import golden
from onnxcam.execution.model import LoadedModel
from onnxcam.execution.tensor_types import TensorType
from onnxcam.explainer import Explainer
from onnxcam.levels import AT_INPUT

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from onnxcam.levels import Level
    from onnxcam.metadata import Metadata

# A level is one number. Triton takes no scalars, so that its clients send [1].
_LEVEL = TensorType(LEVEL_INPUT, "int64", (1,), optional=True)
_WITH_DEFAULTS = {TARGET_INPUT, SEED_INPUT}


@dataclass(frozen=True, slots=True)
class Opening:
    """How models are opened.

    Attributes:
        providers: As in ``Explainer``.
        threads: As in ``Explainer``.
        level: The highest level that is served; None is the highest that a model has.
        checked: Whether the golden check is run first.
        whole: Whether every level is opened at once, and not with its first request.
    """

    providers: Sequence[str] | None = None
    threads: int | None = None
    level: Level | None = None
    checked: bool = True
    whole: bool = False


class ServedModel:
    """A model with a name, for runs from any number of threads.

    Levels 0 and 1 share one session, which is fixed at level 1: it takes little more time and memory than the plain
    model. Level 2 takes several times as much, and gets a session of its own with its first request.

    Attributes:
        name: Its name in the paths of the service.
        metadata: The metadata of the file.
        highest: The highest level that is served.
        takes: The inputs that a request may have.
        gives: The outputs.
    """

    def __init__(self, name: str, path: Path, opening: Opening) -> None:
        """Opens and checks a model.

        Raises:
            ModelError: The file is missing, damaged or no explainer model, or carries no golden check.
            ProviderError: As in ``Explainer``.
            VerificationError: Its outputs on this machine are not those of its export.
        """
        self.name, self._path, self._opening = name, path, opening
        self._state = _state_of(path)
        self.metadata: Metadata = stated_metadata(path)
        most = self.metadata.highest_level
        self.highest = most if opening.level is None else min(most, opening.level)
        if opening.checked:
            check(path, self.metadata, opening)
        # A model whose level cannot be chosen gives all that it has in each run.
        self._splits = self.metadata.has_level_input and self.highest >= AT_INPUT
        self._lower = self._opened(min(1, self.highest) if self._splits else self.highest)
        self._upper: Explainer | None = None
        self._opens = threading.Lock()
        self.takes = self._inputs()
        self.gives = self._lower.model.gives
        if opening.whole:
            self.at(self.highest)

    def at(self, level: int) -> Explainer:
        """The model for runs at a level, which is opened now if it is the first.

        Raises:
            ModelError: The file was replaced since the service started, or cannot be opened any more.
        """
        if not self._splits or level < AT_INPUT:
            return self._lower
        with self._opens:
            if self._upper is None:
                if _state_of(self._path) != self._state:
                    raise ModelError(f"{self._path} was replaced since the service started; start the service again")
                self._upper = self._opened(self.highest)
            return self._upper

    def _opened(self, level: int) -> Explainer:
        return Explainer(
            self._path,
            providers=self._opening.providers,
            threads=self._opening.threads,
            level=cast("Level", level),
            spinning=False,
        )

    def _inputs(self) -> tuple[TensorType, ...]:
        own = [replace(item, optional=item.name in _WITH_DEFAULTS) for item in self._lower.model.takes]
        return (*own, _LEVEL) if self.metadata.has_level_input else tuple(own)


def check(path: Path, metadata: Metadata, opening: Opening) -> None:
    """Runs a model's golden check in a session that is closed again.

    Raises:
        ModelError: The model carries no golden check.
        VerificationError: An output differs from that at export.
    """
    model = LoadedModel(path, opening.providers, opening.threads, level=metadata.highest_level, spinning=False)
    try:
        failed = [item.name for item in golden.check(model) if not item.passed]
    except ModelError as error:
        raise ModelError(f"{path} cannot be checked: {error}; or serve it as it is, with --unchecked") from error
    if failed:
        raise VerificationError(
            f"{path} on {model.providers[0]} differs from its export in {', '.join(failed)}; try another provider, or "
            "export it again"
        )


def _state_of(path: Path) -> tuple[int, int, int]:
    """What changes when a file is replaced; zeros if there is none, which opening it reports."""
    try:
        status = path.stat()
    except (OSError, ValueError):
        return 0, 0, 0
    return status.st_ino, status.st_size, status.st_mtime_ns
