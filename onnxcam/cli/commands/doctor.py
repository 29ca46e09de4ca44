"""The declaration of ``onnxcam doctor``."""

from __future__ import annotations

from onnxcam.cli.options import JsonOption


def doctor(json: JsonOption = False) -> None:
    """Shows which execution providers work on this machine, and why the others do not."""
    from onnxcam.cli.doctor import run

    run(as_json=json)
