"""The gradient rules, one for each operator, in families.

A rule is a function named after its operator, ``(op, step, dy) -> [dx, …]``. It gets the gradient ``dy`` of the
operator's output, and emits the gradient of each input through ``op``; None stands for no gradient. The first line of
its docstring is the formula. Importing this package fills the table ``onnxcam_export.differentiate.rule.PLAIN``.
"""

import onnxcam_export.differentiate.rules.arithmetic
import onnxcam_export.differentiate.rules.convolution
import onnxcam_export.differentiate.rules.fourier
import onnxcam_export.differentiate.rules.grid_sample
import onnxcam_export.differentiate.rules.indexing
import onnxcam_export.differentiate.rules.matmul
import onnxcam_export.differentiate.rules.normalisation
import onnxcam_export.differentiate.rules.pooling
import onnxcam_export.differentiate.rules.quantisation
import onnxcam_export.differentiate.rules.rectifiers
import onnxcam_export.differentiate.rules.recurrent
import onnxcam_export.differentiate.rules.reduction
import onnxcam_export.differentiate.rules.scattering
import onnxcam_export.differentiate.rules.shape
import onnxcam_export.differentiate.rules.slicing
import onnxcam_export.differentiate.rules.smooth_activations
import onnxcam_export.differentiate.rules.trigonometry
import onnxcam_export.differentiate.rules.unary  # noqa: F401 — imported for the rules that they register
