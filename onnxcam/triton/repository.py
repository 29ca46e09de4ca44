"""Writes the folders of a Triton model repository.

::

    REPOSITORY/
    ├── NAME/                   the whole contract
    │   ├── config.pbtxt
    │   ├── labels.txt
    │   └── 1/model.onnx
    ├── NAME_level1/            a fixed level, with dynamic batching
    │   └── …
    └── NAME.kserve.yaml        a manifest for KServe; Triton passes over files
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from onnxcam.artifact.adapt import adapt, stated_metadata, with_required_rows
from onnxcam.artifact.external_data import locations
from onnxcam.errors import ModelError, OutputError
from onnxcam.execution.providers import CPU
from onnxcam.execution.session import open_session
from onnxcam.files import check_is_no_source, identities, make_folder, replacing
from onnxcam.text import one_line
from onnxcam.triton.configuration import MARK
from onnxcam.triton.contracts import LABELS_FILE, batched, check_batch, whole_contract
from onnxcam.triton.kserve import manifest
from onnxcam.triton.tensors import Signature

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from onnxcam.metadata import Metadata
    from onnxcam.triton.configuration import Configuration

CONFIGURATION_FILE = "config.pbtxt"
MODEL_FILE = "model.onnx"
VERSION = "1"


@dataclass(frozen=True, slots=True)
class Repository:
    """A model repository.

    Attributes:
        folder: The folder, which is made if it does not exist.
        model: The explainer model that is put into it.
        name: The model's name in it.
    """

    folder: Path
    model: Path
    name: str

    def write(self, levels: Sequence[int] | None, most: int, address: str) -> list[Path]:
        """Writes the whole contract, a batched form at each level, and the manifest.

        Args:
            levels: The levels of the batched forms; None is level 1, or the only one that the model has.
            most: The most images in a batch.
            address: The repository as a cluster sees it, for the manifest.

        Returns:
            The folders of the models, then the manifest.

        Raises:
            ModelError: The model does not have such a form.
            OutputError: A folder or file cannot be written, or onnxcam did not make what is there.
        """
        session, metadata = open_session(self.model, providers=[CPU], threads=1)
        if levels is None:
            levels = [1 if metadata.has_level_input else metadata.highest_level]
        if levels:
            check_batch(Signature.of(session), metadata)
        whole = self.model.read_bytes()
        joined = {f"{self.name}_level{level}": self._at(whole, level) for level in levels}
        made = [self._put(self.name, whole, whole_contract)]
        made += [self._put(name, content, partial(batched, most=most)) for name, content in joined.items()]
        path = self.folder / f"{self.name}.kserve.yaml"
        self._text(path, manifest(self.name, address))
        return [*made, path]

    def _at(self, data: bytes, level: int) -> bytes:
        """The form at a level: with the row that each request explains, if there is one."""
        metadata = stated_metadata(data)
        if not metadata.flat:
            return with_required_rows(data, level=level) if level else adapt(data, level=level)
        if level != metadata.highest_level:
            raise ModelError(
                f"the model is flat, and always computes level {metadata.highest_level}; give --level "
                f"{metadata.highest_level}"
            )
        return with_required_rows(data, level=None)

    def _put(self, name: str, content: bytes, configured: Callable[[str, Signature, Metadata], Configuration]) -> Path:
        """Writes one model; its configuration comes last, since a running Triton may look meanwhile."""
        folder = self.folder / name
        _check_is_ours(folder)
        make_folder(folder / VERSION)
        file = folder / VERSION / MODEL_FILE
        check_is_no_source(file, identities([self.model]))
        for location in sorted(set(locations(content))):
            _copy(self.model.parent / location, file.parent / location)
        with replacing(file) as stream:
            stream.write(content)
        session, metadata = open_session(file, providers=[CPU], threads=1)
        if metadata.labels and metadata.classes:
            names = [one_line(metadata.label_of(index)) for index in range(metadata.classes)]
            self._text(folder / LABELS_FILE, "\n".join(names) + "\n")
        self._text(folder / CONFIGURATION_FILE, configured(name, Signature.of(session), metadata).text)
        return folder

    @staticmethod
    def _text(path: Path, text: str) -> None:
        with replacing(path) as stream:
            stream.write(text.encode())


def _check_is_ours(folder: Path) -> None:
    """Checks that a model's folder is new, or one that this command made or began.

    Raises:
        OutputError: It is somebody else's.
    """
    try:
        found = {path.name for path in folder.iterdir()} if folder.is_dir() else set()
        marked = CONFIGURATION_FILE in found and (folder / CONFIGURATION_FILE).read_bytes().startswith(MARK.encode())
    except OSError as error:
        raise OutputError(f"cannot write {folder}: {error.strerror or error}") from error
    if not marked and not found <= {VERSION, LABELS_FILE}:
        raise OutputError(f"cannot write {folder}: it holds what onnxcam did not make; give another --name")


def _copy(source: Path, goal: Path) -> None:
    """Copies a file of weights that lies beside the model."""
    make_folder(goal.parent)
    try:
        with source.open("rb") as data, replacing(goal) as stream:
            shutil.copyfileobj(data, stream)
    except OSError as error:
        raise ModelError(f"cannot read {source}, which holds the model's weights: {error.strerror or error}") from error
