"""Average drop, increase in confidence, coherency, complexity and ADCC: how well a map summarises the image.

The first two are of Aditya Chattopadhyay et al. 2018, Grad-CAM++, https://arxiv.org/abs/1710.11063, and the others of
Samuele Poppi et al. 2021, https://arxiv.org/abs/2104.10252. Y is the class's probability for the image, and O that for
the image times the map.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from onnxcam.cam import Floats


def masked(image: Floats, saliency: Floats, substitute: Floats | float = 0.0) -> Floats:
    """``substitute + map (image - substitute)``: the image where the map is 1, the substitute where it is 0.

    With 0 this is the map times the preprocessed image, as ADCC's authors have it: a masked pixel has the mean colour.
    With black it is the map times the raw image, as OpenVINO-XAI has it.

    Args:
        image: [C, H, W].
        saliency: [H, W] in [0, 1].
        substitute: What is seen where the map is 0; broadcasts to [C, H, W].

    Returns:
        [C, H, W].
    """
    mixed: Floats = substitute + saliency * (image - substitute)
    return mixed.astype(image.dtype, copy=False)


def average_drop(before: npt.ArrayLike, after: npt.ArrayLike) -> Floats:
    """``max(0, Y - O) / Y`` of each image; their mean is the metric, and less is better.

    Args:
        before: Y, [N], above 0.
        after: O, [N].

    Returns:
        [N], from 0 to 1; 0 where Y is 0.
    """
    y, drop = np.asarray(before, np.float64), confidence_drop(before, after)
    return np.divide(drop, y, out=np.zeros_like(drop), where=y > 0)


def confidence_drop(before: npt.ArrayLike, after: npt.ArrayLike) -> Floats:
    """``max(0, Y - O)`` of each image: pytorch-grad-cam's DropInConfidence, which does not divide by Y.

    Args:
        before: Y, [N].
        after: O, [N].

    Returns:
        [N].
    """
    drop: Floats = np.maximum(np.asarray(before, np.float64) - np.asarray(after, np.float64), 0)
    return drop


def increase_in_confidence(before: npt.ArrayLike, after: npt.ArrayLike) -> Floats:
    """``[O > Y]`` of each image, 0 or 1; their mean is the metric, and more is better.

    Args:
        before: Y, [N].
        after: O, [N].

    Returns:
        [N].
    """
    return (np.asarray(after) > np.asarray(before)).astype(np.float64)


def coherency(saliency: Floats, of_masked: Floats) -> float:
    """``(Pearson(map(x), map(x * map)) + 1) / 2``: whether the map of the masked image is the same; more is better.

    A map that does not depend on the image is perfectly coherent: read this beside the others only.

    Args:
        saliency: The map of the image, [H, W].
        of_masked: The map, by the same method and for the same class, of the image times the map, [H, W].

    Returns:
        0 to 1; 0 where one of them is constant and there is no correlation.
    """
    a, b = (values.astype(np.float64).ravel() - values.mean(dtype=np.float64) for values in (saliency, of_masked))
    sizes = float(np.linalg.norm(a) * np.linalg.norm(b))
    return (float(a @ b) / sizes + 1) / 2 if sizes > 0 else 0.0


def complexity(saliency: Floats) -> float:
    """``sum |map| / (H W)``: the share of the image that the map covers; less is better.

    Args:
        saliency: [H, W] in [0, 1].
    """
    return float(np.abs(saliency).mean(dtype=np.float64))


def adcc(coherency: npt.ArrayLike, complexity: npt.ArrayLike, average_drop: npt.ArrayLike) -> Floats:
    """``3 / (1/coherency + 1/(1 - complexity) + 1/(1 - drop))``: the harmonic mean of three; more is better.

    The ADCC of mean components (OpenVINO-XAI) is not the mean of each image's ADCC.

    Args:
        coherency: Any shape.
        complexity: The same.
        average_drop: The same.

    Returns:
        The same shape, from 0 to 1; 0 where one of the three is.
    """
    terms = np.stack(np.broadcast_arrays(coherency, 1 - np.asarray(complexity), 1 - np.asarray(average_drop)))
    inverse = np.divide(1, terms, out=np.full(terms.shape, np.inf), where=terms > 0)
    mean: Floats = 3 / inverse.sum(axis=0)
    return mean
