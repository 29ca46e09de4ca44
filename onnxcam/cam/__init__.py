"""CAM, Grad-CAM, Guided Grad-CAM and their kin as functions of plain arrays.

y^c is the score of class c before any softmax, or any other scalar; A^k is channel k of the chosen layer's output.

Arrays of activations have N rows, one for each image. Arrays of gradients have M rows, one for each explained class.
Either M = N, or N = 1 and every row explains the one image. The places of a map are [h, w] of an image, [L] of a
signal, and [d, h, w] of a volume.
"""

from onnxcam.cam.arrays import Floats
from onnxcam.cam.display import normalise, standardise
from onnxcam.cam.eigen import eigen_cam, eigen_grad_cam
from onnxcam.cam.elementwise import hires_cam, layer_cam
from onnxcam.cam.guided import guided_grad_cam
from onnxcam.cam.resampling import Upsampling, linear_interpolation, upsample
from onnxcam.cam.weighted import (
    cam,
    cam_weights,
    grad_cam,
    grad_cam_plus_plus,
    grad_cam_plus_plus_weights,
    grad_cam_weights,
    weighted_sum,
    xgrad_cam,
    xgrad_cam_weights,
)

__all__ = [
    "Floats",
    "Upsampling",
    "cam",
    "cam_weights",
    "eigen_cam",
    "eigen_grad_cam",
    "grad_cam",
    "grad_cam_plus_plus",
    "grad_cam_plus_plus_weights",
    "grad_cam_weights",
    "guided_grad_cam",
    "hires_cam",
    "layer_cam",
    "linear_interpolation",
    "normalise",
    "standardise",
    "upsample",
    "weighted_sum",
    "xgrad_cam",
    "xgrad_cam_weights",
]
