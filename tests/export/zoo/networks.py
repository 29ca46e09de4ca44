"""The networks that are tried, with random weights and inputs as small as they take."""

from __future__ import annotations

import contextlib
import copy
import re
from typing import Any

from support.models import randomised

# timm's modules whose networks mix positions by something else than convolution and pooling: attention, dense layers
# over positions, recurrence, state spaces.
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
    """``torchvision:NAME`` and ``timm:NAME``: convolutional networks first, and small ones first."""
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


def is_convolutional(name: str, module: str | None) -> bool:
    """Whether a network, which a module of timm defines, mixes positions by convolution and pooling alone."""
    kind, _, short = name.partition(":")
    return not short.startswith(TRANSFORMERS) if kind == "torchvision" else module not in OTHERS
