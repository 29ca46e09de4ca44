"""Writes table.md from results.jsonl and files.jsonl."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from zoo.networks import is_convolutional
from zoo.results import FILES, agrees, results

TABLE = Path(__file__).with_name("table.md")


def table() -> str:
    """The text of table.md."""
    groups = grouped(results())
    text = [HEADER]
    text += [f"- {title}: {sum(map(agrees, group))} of {len(group)}" for title, group in groups]
    text += files_text(grouped(results(FILES)))
    for title, group in groups:
        text += ["", f"## {title}", ""]
        text += ["| model | M parameters | input | layer | scores | gradients | guided | size | seconds |"]
        text += ["|---|---|---|---|---|---|---|---|---|"]
        text += [row(result) for result in group if "error" not in result]
        failed = [result for result in group if not agrees(result)]
        if failed:
            text += ["", "Not exported, or not verified:", ""]
            text += [f"- `{result['name']}`: {reason(result)}" for result in failed]
    return "\n".join(text) + "\n"


def grouped(found: dict[str, dict[str, Any]]) -> list[tuple[str, list[dict[str, Any]]]]:
    """The results by the kind of network."""
    groups: dict[str, list[dict[str, Any]]] = {"torchvision": [], "timm": [], "Transformers and mixers": []}
    for name, result in sorted(found.items(), key=lambda item: (item[0].partition(":")[0] == "timm", item[0])):
        convolutional = is_convolutional(name, result.get("module"))
        groups[name.partition(":")[0] if convolutional else "Transformers and mixers"].append(result)
    return list(groups.items())


def files_text(groups: list[tuple[str, list[dict[str, Any]]]]) -> list[str]:
    """What came out of the files that PyTorch's older exporter writes."""
    text = ["", FILES_HEADER, ""]
    for title, group in groups:
        written = [result for result in group if "unwritten" not in result]
        if written:
            text += [f"- {title}: {sum(map(agrees, written))} of {len(written)}"]
    failed = [result for _, group in groups for result in group if "unwritten" not in result and not agrees(result)]
    return [*text, *(f"- not `{result['name']}`: {reason(result)}" for result in failed)]


FILES_HEADER = """As files that PyTorch's older exporter wrote, for one image (`python -m zoo files`), verified against
the file in ONNX Runtime, and compared with the same implementation:"""

HEADER = """# The networks that were tried

Written by `python -m zoo table` from what `python -m zoo run` found (results.jsonl), both in tests/export.
[docs/models.md](../../../docs/models.md) sums it up and says what a map means in a transformer.

Random weights, with batch-norm statistics that are not those of initialisation, and inputs as small as the network
takes; a network that these make explode (its own float32 scores are off by more than 1e-2) is left as initialised. All
of torchvision's classification networks, and the smallest of every family of timm.

Each was exported with its default layer and verified by the export itself, on two images and on one image with three
classes. *scores* and *gradients* are those relative L2 errors against PyTorch's autograd. *guided* is the relative L2
error of the guided gradient against an implementation that shares nothing with the product
(`tests/export/support/reference.py`). Where rounding changes the sign of values at a ReLU, PyTorch's own float32 is as
far from its float64; such rows say how far in brackets. *size* is the artifact's, in multiples of the plain model's.
*seconds* are those of exporting, verifying and checking on two shared cores.

Verified:
"""


def row(result: dict[str, Any]) -> str:
    """One line of the table."""
    errors = result["errors"]
    gradients = max((error for name, error in errors.items() if name.startswith("onnxcam.gradients/")), default=0.0)
    guided = f"{result['guided']:.0e}"
    if "guided_own" in result:
        guided = f"{result['guided_exact']:.0e} ({result['guided_own']:.0e})"
    shape = " x ".join(map(str, result["shape"]))
    return (
        f"| {result['name'].partition(':')[2]} | {result['parameters'] / 1e6:.1f} | {result['side']} "
        f"| {result['layer']} [{shape}] | {errors['onnxcam.scores']:.0e} | {gradients:.0e} | {guided} "
        f"| {result['size']:.3f} | {result['seconds']:.0f} |"
    )


def reason(result: dict[str, Any]) -> str:
    """Why not, shortly."""
    if "error" in result:
        text = re.split(r"; (?:needed because|check that|choose a layer)", result["error"])[0]
        return text if len(text) <= 300 else text[:297] + "…"
    return f"the guided gradient differs by {result['guided']:.1e} from the independent reference"
