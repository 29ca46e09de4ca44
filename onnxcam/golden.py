"""The golden check: a deterministic input, and samples of what the model must answer to it.

The export runs it once on the verified artifact and stores the samples in the metadata; ``onnxcam verify`` runs it
again on any machine and provider, with no PyTorch.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

SAMPLES = 64


def golden_input(shape: tuple[int, ...], dtype: str = "float32") -> npt.NDArray[np.generic]:
    """Noise that is the same on every machine: SplitMix64 of the element's index (Steele et al. 2014).

    Args:
        shape: With the batch.
        dtype: ``float32`` and ``float16`` give values in [-2, 2), as normalised pixels have; ``uint8`` in [0, 256).

    Returns:
        An array of that shape and type.
    """
    count = int(np.prod(shape))
    z = np.arange(1, count + 1, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    unit = ((z ^ (z >> np.uint64(31))) >> np.uint64(40)).astype(np.float64) / 2**24
    values = unit * 256 if dtype == "uint8" else unit * 4 - 2
    return values.reshape(shape).astype(dtype)


def sample(array: npt.NDArray[np.floating]) -> tuple[float, ...]:
    """At most ``SAMPLES`` evenly spaced elements of the flattened array."""
    flat = array.ravel()
    index = np.linspace(0, flat.size - 1, min(SAMPLES, flat.size)).astype(int)
    return tuple(float(value) for value in flat[index])
