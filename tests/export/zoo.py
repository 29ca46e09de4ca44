"""How far the export reaches: tries it on the model zoos of torchvision and timm, and writes a table.

::

    python tests/export/zoo.py run        # hours; goes on where it stopped
    python tests/export/zoo.py run NAME…  # these models, again
    python tests/export/zoo.py table      # writes docs/zoo.md

Every model gets a process of its own, with a time and a memory limit, random weights and a small input. What came out
is added to docs/zoo.jsonl, one line a model. All of torchvision's classification models are tried; of timm, which has
well over a thousand, the smallest of every family: of those that share a module and the first word of their names.
"""

from __future__ import annotations

import argparse
import contextlib
import copy
import json
import re
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from support.models import declare_torchvision_operators, randomised

REPOSITORY = Path(__file__).parents[2]
RESULTS = REPOSITORY / "docs" / "zoo.jsonl"
TABLE = REPOSITORY / "docs" / "zoo.md"
SECONDS, GIGABYTES = 900, 21

# timm's modules whose networks mix places by something else than convolution and pooling: attention, dense layers over
# places, recurrence, state spaces.
OTHERS = frozenset(
    (
        "beit",
        "byoanet",
        "cait",
        "coat",
        "convit",
        "crossvit",
        "csatv2",
        "davit",
        "deepseek_vit",
        "deit",
        "edgenext",
        "efficientformer",
        "efficientformer_v2",
        "efficientvim",
        "efficientvit_mit",
        "efficientvit_msra",
        "eva",
        "gcvit",
        "gemma4_vit",
        "hiera",
        "hieradet_sam2",
        "iformer",
        "levit",
        "lowformer",
        "maxxvit",
        "mlp_mixer",
        "mobilenetv5",
        "mobilevit",
        "mvitv2",
        "naflexvit",
        "nest",
        "nextvit",
        "pit",
        "pvt_v2",
        "qwen3_vit",
        "sequencer",
        "shvit",
        "swiftformer",
        "swin_transformer",
        "swin_transformer_v2",
        "swin_transformer_v2_cr",
        "tiny_vit",
        "tnt",
        "twins",
        "visformer",
        "vision_transformer",
        "vision_transformer_hybrid",
        "vision_transformer_relpos",
        "vision_transformer_sam",
        "vitamin",
        "volo",
        "xcit",
    )
)
TRANSFORMERS = ("maxvit", "swin", "vit")  # torchvision's


def names() -> list[str]:
    """What is tried, ``torchvision:NAME`` and ``timm:NAME``: convolutional networks first, and small ones first."""
    import timm
    from torchvision import models

    chosen: list[tuple[bool, int, str]] = []
    for name in models.list_models(module=models):
        size = models.get_model_weights(name).DEFAULT.meta["num_params"]
        chosen.append((name.startswith(TRANSFORMERS), size, f"torchvision:{name}"))
    for module in timm.list_modules():
        families: dict[str, list[str]] = {}
        for name in timm.list_models(module=module):
            word = re.match(r"[a-z]+", name)
            families.setdefault("" if module in OTHERS or word is None else word.group(), []).append(name)
        chosen += [(module in OTHERS, *smallest(candidates)) for candidates in families.values()]
    return [name for *_, name in sorted(chosen)]


def smallest(candidates: list[str]) -> tuple[int, str]:
    """The model with the fewest parameters, and how many those are; found without giving them memory."""
    import timm
    import torch

    sizes = []
    for name in candidates:
        with contextlib.suppress(Exception), torch.device("meta"):
            module = timm.create_model(name)
            sizes.append((sum(parameter.numel() for parameter in module.parameters()), f"timm:{name}"))
    return min(sizes, default=(0, f"timm:{candidates[0]}"))


def create(name: str) -> tuple[Any, int]:
    """The module with random weights, and the side of its input: as small as it takes, at least 64."""
    import torch

    kind, _, short = name.partition(":")
    torch.manual_seed(0)
    if kind == "torchvision":
        from torchvision import models

        options = {"init_weights": False} if short in {"googlenet", "inception_v3"} else {}
        module = models.get_model(short, weights=None, **options)
        own = 299 if short == "inception_v3" else 224
    else:
        import timm

        module = timm.create_model(short)
        own = timm.data.resolve_data_config({}, model=module)["input_size"][-1]
    fresh = copy.deepcopy(module).eval()
    randomised(module)
    for side in (64, 96, 128, own):
        with contextlib.suppress(Exception), torch.no_grad():
            image = torch.randn(2, 3, side, side)
            scores = module(image)
            exact = copy.deepcopy(module).double()(image.double())
            exploded = bool((scores - exact).norm() > 1e-2 * exact.norm())
            return fresh if exploded else module, side
    raise RuntimeError("the module does not run on its own input size")


def try_one(name: str) -> dict[str, Any]:
    """Exports and verifies one model; what came out."""
    import numpy as np
    import torch

    from onnxcam import Explainer
    from onnxcam_export import export
    from support import reference

    module, side = create(name)
    result: dict[str, Any] = {
        "name": name,
        "module": type(module).__module__.removeprefix("timm.models.").removeprefix("torchvision.models."),
        "parameters": sum(parameter.numel() for parameter in module.parameters()),
        "side": side,
    }
    start = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        try:
            report = export(module, Path(folder) / "m.onnx", input_shape=(3, side, side))
        except Exception as error:  # noqa: BLE001 — whatever it is belongs into the table
            return {**result, "error": f"{type(error).__name__}: {' '.join(str(error).split())}"}
        verification, layer = report.metadata.verification, report.metadata.layers[0]
        image = np.random.default_rng(1).standard_normal((2, 3, side, side)).astype(np.float32)
        got = Explainer(report.path).run(image, [1, 2])
        expected = reference.explain(module, image, [1, 2])
        guided = reference.relative_error(got.guided, expected.guided)
        result |= {
            "layer": layer.name,
            "shape": layer.shape,
            "errors": verification.errors,
            "notes": list(verification.notes),
            "size": round(report.size / report.plain_size, 4),
            "scores": reference.relative_error(got.scores, expected.scores),
            "guided": guided,
            "seconds": round(time.perf_counter() - start, 1),
        }
        if guided > 1e-2:  # then PyTorch's own rounding tells whether that is much
            exact = reference.explain(module, image, [1, 2], dtype=torch.float64)
            result["guided_exact"] = reference.relative_error(got.guided, exact.guided)
            result["guided_own"] = reference.relative_error(expected.guided, exact.guided)
    return result


def run(wanted: list[str]) -> None:
    """Tries what has not been tried, or what is named."""
    done = {} if wanted else results()
    for name in wanted or names():
        if name in done:
            continue
        command = [sys.executable, "-W", "ignore", __file__, "one", name]
        try:
            process = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS, check=False)
            lines = process.stdout.strip().splitlines()
            reason = (process.stderr.strip().splitlines() or ["it was killed, out of memory"])[-1]
            result = json.loads(lines[-1]) if process.returncode == 0 and lines else {"name": name, "error": reason}
        except subprocess.TimeoutExpired:
            result = {"name": name, "error": f"not done in {SECONDS} seconds"}
        with RESULTS.open("a", encoding="utf-8") as file:
            file.write(json.dumps(result) + "\n")
        print(name, result.get("error") or f"{result['guided']:.1e} in {result['seconds']} s", flush=True)


def results() -> dict[str, dict[str, Any]]:
    """The last result of each model."""
    if not RESULTS.exists():
        return {}
    lines = RESULTS.read_text(encoding="utf-8").splitlines()
    return {result["name"]: result for result in map(json.loads, lines)}


def is_convolutional(result: dict[str, Any]) -> bool:
    """Whether the network mixes places by convolution and pooling alone."""
    kind, _, short = result["name"].partition(":")
    if kind == "torchvision":
        return not short.startswith(TRANSFORMERS)
    return result.get("module") not in OTHERS


def agrees(result: dict[str, Any]) -> bool:
    """Whether it was exported, verified, and is as close to the independent reference as PyTorch is to itself."""
    if "error" in result:
        return False
    bound = max(2e-2, 4 * result.get("guided_own", 0.0))
    return bool(result.get("guided_exact", result["guided"]) <= bound)


def table() -> str:
    """docs/zoo.md."""
    every = sorted(results().values(), key=lambda result: (result["name"].partition(":")[0] == "timm", result["name"]))
    groups = [
        ("torchvision", [r for r in every if r["name"].startswith("torchvision:") and is_convolutional(r)]),
        ("timm", [r for r in every if r["name"].startswith("timm:") and is_convolutional(r)]),
        ("Transformers and mixers", [r for r in every if not is_convolutional(r)]),
    ]
    text = [HEADER]
    text += [f"- {title}: {sum(map(agrees, group))} of {len(group)}" for title, group in groups]
    for title, group in groups:
        text += ["", f"## {title}", ""]
        if title.startswith("Transformers"):
            text += [TRANSFORMERS_TEXT, ""]
        text += ["| model | M parameters | input | layer | scores | gradients | guided | size | seconds |"]
        text += ["|---|---|---|---|---|---|---|---|---|"]
        text += [row(result) for result in group if "error" not in result]
        failed = [result for result in group if not agrees(result)]
        if failed:
            text += ["", "Not exported, or not verified:", ""]
            text += [f"- `{result['name']}`: {reason(result)}" for result in failed]
    return "\n".join(text) + "\n"


HEADER = """# The models that were tried

Written by `python tests/export/zoo.py table` from what `python tests/export/zoo.py run` found (`docs/zoo.jsonl`).
Random weights, with batch-norm statistics that are not those of initialisation, and inputs as small as the network
takes; a network that these make explode (its own float32 scores are off by more than 1e-2) is left as initialised. All
of torchvision's classification models, and the smallest of every family of timm.

Each was exported with its default layer and verified by the export itself, on two images and on one image with three
classes. *scores* and *gradients* are those relative L2 errors against PyTorch's autograd. *guided* is the relative L2
error of the guided gradient against an implementation that shares nothing with the product
(`tests/export/support/reference.py`). Where rounding turns ReLU masks over, PyTorch's own float32 is as far from its
float64; such rows say how far in brackets. *size* is the artifact's, by the plain model's. *seconds* are those of
exporting, verifying and checking on two shared cores.

Verified:
"""

TRANSFORMERS_TEXT = """These are not what the product promises, and some pass for free. Where a network keeps its
tokens on a grid, or brings them back to one, the default layer is the last such map, [N, K, h, w], and it means what it
does elsewhere: how much each place of that layer speaks for the class. Where tokens stay a sequence from the patches
on, the last map with places is the one that cuts the image into patches: its Grad-CAM says where the patches' own
features speak for the class, before attention has moved anything. Guided backpropagation follows the network's GELU,
ReLU or HardSwish, and passes attention by its true gradient."""


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


def main() -> None:
    """What the command line says."""
    parser = argparse.ArgumentParser(description="Tries the export on torchvision and timm.")
    parser.add_argument("command", choices=["names", "run", "one", "table"])
    parser.add_argument("names", nargs="*")
    arguments = parser.parse_args()
    declare_torchvision_operators()
    if arguments.command == "names":
        print("\n".join(names()))
    elif arguments.command == "run":
        run(arguments.names)
    elif arguments.command == "one":
        limit = GIGABYTES * 2**30
        resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))
        print(json.dumps(try_one(arguments.names[0])))
    else:
        TABLE.write_text(table(), encoding="utf-8")


if __name__ == "__main__":
    main()
