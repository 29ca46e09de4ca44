"""Writes the page's folder: its files, ONNX Runtime's WASM, and the models."""

from __future__ import annotations

import contextlib
import importlib
import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from onnxcam.artifact.adapt import stated_metadata
from onnxcam.artifact.external_data import locations
from onnxcam.errors import ModelError, OutputError
from onnxcam.files import identity, make_folder
from onnxcam.photograph.preprocessing import required

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

INDEX = "site.json"
_RUNTIME = "ort-wasm-simd-threaded.wasm"
_MODELS = "models"


@dataclass(frozen=True, slots=True)
class Written:
    """The size of what was written, in bytes: a visitor downloads ``page``, ``runtime`` and one of the models."""

    page: int
    runtime: int
    models: int


def write_site(models: Sequence[Path], folder: Path) -> Written:
    """Writes the folder.

    Args:
        models: Explainer models that take photographs; the page opens the first, and offers the others.
        folder: Made if it does not exist; otherwise it must be empty, or an older page.

    Raises:
        ModelError: A model is no explainer model, or not one for the page.
        OutputError: The page's files are not installed, or the folder cannot be written.
    """
    source = page_files()
    names = _names(models)
    for model in models:
        _check_model(model)
    _check_folder(folder)
    make_folder(folder / _MODELS)
    try:
        _remove_older(folder, names)
        for file in source:
            shutil.copyfile(file, folder / file.name)
        for model, name in zip(models, names, strict=True):
            if identity(model) != identity(folder / _MODELS / name):
                shutil.copyfile(model, folder / _MODELS / name)
        (folder / INDEX).write_text(json.dumps(_index(folder, names)), encoding="utf-8")
    except OSError as error:
        raise OutputError(f"cannot write {folder}: {error.strerror or error}") from error
    runtime = (folder / _RUNTIME).stat().st_size
    page = sum((folder / file.name).stat().st_size for file in source) + (folder / INDEX).stat().st_size
    return Written(page - runtime, runtime, sum((folder / _MODELS / name).stat().st_size for name in names))


def page_files() -> list[Path]:
    """The page's files, from the distribution ``onnxcam-page``.

    Raises:
        OutputError: It is not installed, or was not built.
    """
    try:
        folder: Path = importlib.import_module("onnxcam_page").FILES
    except ModuleNotFoundError:
        missing = "the page's files are not installed; install them with: pip install 'onnxcam[page]'"
        raise OutputError(missing) from None
    files = sorted(folder.glob("*"))
    if not any(file.name == _RUNTIME for file in files):
        raise OutputError(f"the page's files are not in {folder}; build them with 'make page', which needs Node")
    return files


def _check_model(model: Path) -> None:
    """Checks that the page can explain photographs with a model."""
    metadata = stated_metadata(model)
    try:
        required(metadata)
    except ModelError as error:
        raise ModelError(f"{model} is no model for the page: {error}") from error
    if not metadata.has_seeds:
        raise ModelError(f"{model} is of metadata schema {metadata.schema}, and the page needs 2; export it again")
    if metadata.classes is None and metadata.detection is None and len(metadata.shape_of_scores) != 3:
        raise ModelError(
            f"{model} gives scores {list(metadata.shape_of_scores)}, and the page shows classes, boxes or classes of "
            "places; if these are boxes, export it with --detection"
        )
    if elsewhere := sorted(locations(model.read_bytes())):
        raise ModelError(f"the weights of {model} are in {elsewhere[0]}; the page takes a model in one file")


def _check_folder(folder: Path) -> None:
    """Checks that nothing but an older page is overwritten."""
    if folder.exists() and not folder.is_dir():
        raise OutputError(f"cannot write {folder}: it is a file; name a folder")
    if folder.is_dir() and any(folder.iterdir()) and not (folder / INDEX).is_file():
        raise OutputError(f"cannot write {folder}: it holds other files; name a new or an empty folder")


def _remove_older(folder: Path, names: Sequence[str]) -> None:
    """Removes the models of an older page, as far as its own list names them."""
    with contextlib.suppress(FileNotFoundError, ValueError, TypeError, KeyError):
        for model in json.loads((folder / INDEX).read_text(encoding="utf-8"))["models"]:
            name = Path(model["file"]).name
            if name not in names:
                (folder / _MODELS / name).unlink(missing_ok=True)


def _names(models: Iterable[Path]) -> list[str]:
    """The models' file names, each once."""
    names: list[str] = []
    for model in models:
        name, number = model.name, 2
        while name in names:
            name, number = f"{model.stem}-{number}{model.suffix}", number + 1
        names.append(name)
    return names


def _index(folder: Path, names: Iterable[str]) -> dict[str, object]:
    """What the page downloads, with sizes, since a server may compress."""
    return {
        "runtime": {"file": _RUNTIME, "bytes": (folder / _RUNTIME).stat().st_size},
        "models": [
            {
                "name": Path(name).stem,
                "file": f"{_MODELS}/{name}",
                "bytes": (folder / _MODELS / name).stat().st_size,
            }
            for name in names
        ],
    }
