"""ONNX Runtime's execution provider OpenVINO."""

import onnxruntime

from bench.portability.measure import main
from bench.portability.runtimes.onnx_runtime import opened

main(
    onnxruntime.__version__,
    lambda path: opened(path, "OpenVINOExecutionProvider", device_type="CPU", precision="FP32", num_of_threads="1"),
)
