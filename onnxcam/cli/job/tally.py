"""The numbers of images of a job, by what became of them."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(slots=True)
class Tally:
    """The numbers of images that are done, failed and skipped so far.

    Attributes:
        total: The images of the job.
        done: Those that are explained.
        failed: Those with an error.
        skipped: Those whose explanation exists already.
        own: Those that are results of onnxcam.
    """

    total: int
    done: int = 0
    failed: int = 0
    skipped: int = 0
    own: int = 0

    def __str__(self) -> str:
        """A line for the end of a job, or for an interrupted job."""
        others = {
            f"{self.failed} failed": self.failed,
            f"{self.skipped} skipped (already explained)": self.skipped,
            f"{self.own} left out (results of onnxcam)": self.own,
        }
        told = [words for words, count in others.items() if count]
        return ", ".join([f"{self.done} of {self.total} images explained", *told])
