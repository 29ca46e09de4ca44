"""PyTorch's many reasons not to capture a module, each as one sentence with what to do."""

from __future__ import annotations

import re

# PyTorch's sentence, and ours; of several that match, the first counts. Groups of the pattern are put in.
_REASONS = {
    r"Constraints violated \(batch\)": (
        "its code, or an operator in it such as torch.cdist, works for one number of images alone; take the number "
        "from x.shape[0] instead of len(x), loop over no images, and write out what the operator computes"
    ),
    r"data-dependent": (
        "its code branches on the values of a tensor (an if, an assert, a loop), which a graph cannot hold; use "
        "torch.where, or take the branch out of forward()"
    ),
    r"\.numpy\(\) is not supported|Cannot access data pointer|can't convert .* to numpy": (
        "forward() leaves PyTorch, as .numpy() does, and a graph cannot hold what is computed there; use PyTorch's "
        "functions throughout"
    ),
    r"No ONNX function found for <OpOverload\(op='([\w.]+)'": (
        "PyTorch's exporter has no ONNX form of the operator {0}, so it is not supported; compute the same with other "
        "operators"
    ),
    r"(?m)^((?:aten|prims|quantized|torchvision)\.\w+)\.\w+$": (
        "PyTorch's exporter has no ONNX form of the operator {0}, so it is not supported; compute the same with other "
        "operators"
    ),
    r"Cannot find a compatible OpOverload for ([\w.]+)": (
        "PyTorch's exporter cannot translate the operator {0} with its arguments; if some of its numbers are integers "
        "and some are not, write all with a decimal point"
    ),
}


def sentence(error: BaseException) -> str:
    """The reason, where it is, and what to do; PyTorch's own first line where the reason is not a known one."""
    causes = [error]
    while causes[-1].__cause__ is not None:
        causes.append(causes[-1].__cause__)
    for cause in reversed(causes):
        for pattern, reason in _REASONS.items():
            found = re.search(pattern, str(cause).strip())
            if found:
                return f"PyTorch cannot export this model: {reason.format(*found.groups())}"
    lines = [line.strip() for line in str(causes[-1]).splitlines() if line.strip()]
    return (
        f"PyTorch cannot export this model: {lines[0] if lines else type(causes[-1]).__name__}; check that it runs on "
        "the given input_shape, or give example_inputs, and that its code does not branch on the batch"
    )
