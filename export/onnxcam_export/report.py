"""What an export says of itself."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from onnxcam.photograph.words import in_words
from onnxcam.sanity.verdict import verdict_lines
from onnxcam.text import listed, printable

if TYPE_CHECKING:
    from pathlib import Path

    from onnxcam.metadata import Metadata

_LABELS = 6  # that are shown
_UNITS = ("B", "kB", "MB", "GB")


@dataclass(frozen=True, slots=True)
class ExportReport:
    """The result of an export; ``print(report)`` shows it as the command line does.

    Attributes:
        path: The artifact.
        metadata: What was written into it, with the verification's errors.
        size: Its size in bytes.
        plain_size: The size in bytes of the same model without explanations.
        seconds: How long each part took.
        notes: Remarks on values that were assumed or look wrong.
    """

    path: Path
    metadata: Metadata
    size: int
    plain_size: int
    seconds: dict[str, float]
    notes: tuple[str, ...] = ()

    def __repr__(self) -> str:
        """One line, without the metadata's many numbers."""
        verified = "not verified" if self.metadata.verification is None else "verified"
        return f"<{type(self).__name__} {self.path}: {self.metadata.summary}, {verified}>"

    def __str__(self) -> str:
        """A short text: what was exported, what was compared, how closely it agreed."""
        m = self.metadata
        layers = ", ".join(f"{layer.name} {list(layer.shape)}" for layer in m.layers)
        lines = [
            (
                f"{self.path}: {m.source.name} with explanations, {_size(self.size)} "
                f"({self.size / self.plain_size:.3f} x the plain model)"
            ),
            f"input   {m.image.name} {[m.image.batch or 'N', *m.image.shape]} {m.image.dtype}",
            f"scores  {m.score_output} {m.scores_in_words}: {m.score_reason}",
            f"layers  {layers}" + (f"; CAM at {m.cam_layer}" if m.cam_layer else ""),
        ]
        if m.detection is not None:
            lines.append(f"boxes   {m.detection.in_words}")
        lines.append(f"images  {in_words(m.preprocessing)}")
        if m.labels is not None:
            lines.append(f"labels  {listed(m.labels, _LABELS)}")
        lines += [f"note    {note}" for note in self.notes]
        if m.verification is None:
            lines.append("not verified")
        else:
            partly = any(note.startswith("not compared") for note in m.verification.notes)
            lines.append(
                f"verified{' in part' if partly else ''} against {m.verification.reference} "
                "(relative L2 error, allowed):"
            )
            lines += [
                f"  {name:<40} {error:8.1e}  {m.verification.tolerances[name]:.0e}"
                for name, error in m.verification.errors.items()
            ]
            lines += [f"  note: {note}" for note in m.verification.notes]
        if m.sanity is not None:
            lines += [f"sanity  {line}" for line in verdict_lines(m.sanity)]
        lines.append(", ".join(f"{part} {seconds:.1f} s" for part, seconds in self.seconds.items()))
        return "\n".join(map(printable, lines))


def _size(count: float) -> str:
    unit = 0
    while count >= 1000 and unit < len(_UNITS) - 1:
        count, unit = count / 1000, unit + 1
    return f"{count:.1f} {_UNITS[unit]}" if unit else f"{count:.0f} B"
