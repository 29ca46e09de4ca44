"""What an audit asks of a model and a run: hashes, versions, and the golden check on this machine."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from onnxcam.artifact.external_data import locations
from onnxcam.errors import ModelError
from onnxcam.execution.golden import check
from onnxcam.execution.model import LoadedModel
from onnxcam.hashes import file_sha256
from onnxcam.sanity.verdict import grade, in_words, title_of

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from onnxcam.metadata import Metadata


def model_record(model: Path, metadata: Metadata, providers: Sequence[str] | None) -> dict[str, Any]:
    """The model: its files, its metadata, and the checks of it.

    Args:
        model: The explainer model, which has been opened once.
        metadata: Its metadata.
        providers: The execution providers of the report's runs.
    """
    weights = sorted(set(locations(model.read_bytes())))
    return {
        "file": model.name,
        "sha256": file_sha256(model),
        "weights": {name: file_sha256(model.parent / name) for name in weights},
        "metadata": asdict(metadata),
        "golden_check": golden_record(model, providers),
        "sanity": sanity_record(metadata),
    }


def golden_record(model: Path, providers: Sequence[str] | None) -> dict[str, Any]:
    """The golden check on this machine; ``passed`` is None if the model has none."""
    loaded = LoadedModel(model, providers)
    try:
        compared = check(loaded)
    except ModelError as error:
        return {"passed": None, "reason": str(error), "outputs": []}
    outputs = [{**asdict(item), "passed": item.passed} for item in compared]
    passed = all(item.passed for item in compared)
    return {"passed": passed, "reason": f"on {loaded.providers[0]}", "outputs": outputs}


def sanity_record(metadata: Metadata) -> list[dict[str, str]] | None:
    """The verdict on each method; None if the checks were not run."""
    sanity = metadata.sanity
    if sanity is None:
        return None
    return [
        {"method": name, "title": title_of(name), "grade": grade(name, sanity), "verdict": in_words(name, sanity)}
        for name in sanity.methods
    ]
