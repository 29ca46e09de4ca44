"""The content of a report, and its machine-readable form."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from onnxcam.reporting.averages import averages

if TYPE_CHECKING:
    from collections.abc import Sequence

    from onnxcam.metadata import Metadata
    from onnxcam.methods import MapMethod
    from onnxcam.reporting.averages import ClassAverage
    from onnxcam.reporting.entries import Entry, ExplainedClass, Failure

FORMAT = "onnxcam report 1"

LIMITS = (
    "A map shows where the features of one layer raise the score of a class, not why they do.",
    "Each map is scaled to its own maximum: the colours of two maps cannot be compared.",
    "The map of a wrong class looks as convincing as that of the right one.",
    "Deletion and insertion show pictures to the model that it was not made for. They compare maps of one picture.",
    "A map is no explanation of a decision about a person.",
)


@dataclass(frozen=True, slots=True, eq=False)
class Report:
    """What is reported.

    Attributes:
        title: The heading.
        metadata: The model's metadata.
        model: The record of the model, from ``onnxcam.reporting.provenance``.
        run: When, how and with which versions the report was made.
        method: The method of the maps.
        layer: Their layer.
        convention: How faithfulness was measured; None if it was not.
        entries: The pictures.
        failures: The pictures that could not be explained.
    """

    title: str
    metadata: Metadata
    model: dict[str, Any]
    run: dict[str, Any]
    method: MapMethod
    layer: str
    convention: str | None
    entries: Sequence[Entry]
    failures: Sequence[Failure]

    @property
    def classes(self) -> list[ClassAverage]:
        """The classes with their average maps."""
        return averages(self.entries)

    @property
    def summary(self) -> dict[str, Any]:
        """The numbers of all pictures together."""
        known = [entry.is_mistake for entry in self.entries if entry.is_mistake is not None]
        measured = [entry.explained[0].faithfulness for entry in self.entries]
        areas = [one for one in measured if one is not None]
        return {
            "pictures": len(self.entries),
            "failed": len(self.failures),
            "with_true_class": len(known),
            "mistakes": sum(known) if known else None,
            "deletion": float(np.mean([one.deletion for one in areas])) if areas else None,
            "insertion": float(np.mean([one.insertion for one in areas])) if areas else None,
        }

    def record(self) -> dict[str, Any]:
        """The report for JSON."""
        return {
            "format": FORMAT,
            "title": self.title,
            "run": self.run,
            "model": self.model,
            "method": self.method,
            "layer": self.layer,
            "faithfulness": self.convention,
            "limits": LIMITS,
            "summary": self.summary,
            "classes": [_class_record(one) for one in self.classes],
            "pictures": [_entry_record(entry) for entry in self.entries],
            "failures": [{"file": str(one.path), "error": one.error} for one in self.failures],
        }


def _class_record(one: ClassAverage) -> dict[str, Any]:
    return {
        "index": one.target.index,
        "label": one.target.label,
        "pictures": one.pictures,
        "mistakes": one.mistakes,
        "probability": one.probability,
        "average_map": np.round(one.values, 4).tolist(),
    }


def _entry_record(entry: Entry) -> dict[str, Any]:
    return {
        "file": str(entry.path),
        "sha256": entry.sha256,
        "size": list(entry.size),
        "top": [asdict(item) for item in entry.top],
        "true": None if entry.true is None else asdict(entry.true),
        "mistake": entry.is_mistake,
        "explained": [_explained_record(one) for one in entry.explained],
        "notes": list(entry.notes),
    }


def _explained_record(one: ExplainedClass) -> dict[str, Any]:
    return {
        **asdict(one.target),
        "why": one.why,
        "map": {
            "shape": list(one.values.shape),
            "minimum": float(one.values.min()),
            "maximum": float(one.values.max()),
            "sha256": one.sha256,
        },
        "faithfulness": None if one.faithfulness is None else asdict(one.faithfulness),
    }
