"""The runtimes and tools, with the packages that they need."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Row:
    """A runtime, or a tool before ONNX Runtime.

    Attributes:
        name: What the document calls it.
        program: A module of ``runtimes``, or a file there that Node runs, and its arguments.
        packages: What pip or npm installs for it. They fix the version.
        note: What a reader of its lines must know.
    """

    name: str
    program: tuple[str, ...]
    packages: tuple[str, ...]
    note: str = ""

    @property
    def folder(self) -> str:
        """The name of its environment's folder."""
        return self.packages[0].replace("==", "-").replace("@", "-")


_ONNX = ("onnx==1.23.2", "onnxruntime==1.31.1")
_SIMPLIFIED = "onnxslim, onnxsim and onnxoptimizer rewrite the model, and ONNX Runtime 1.31.1 runs what they wrote."

RUNTIMES = (
    Row("ONNX Runtime", ("onnx_runtime",), ("onnxruntime==1.17.0", "numpy==1.26.4")),
    Row("ONNX Runtime", ("onnx_runtime",), ("onnxruntime==1.20.1", "numpy")),
    Row("ONNX Runtime", ("onnx_runtime",), ("onnxruntime==1.24.4", "numpy")),
    Row("ONNX Runtime", ("onnx_runtime",), ("onnxruntime==1.32.0", "numpy")),
    Row(
        "ONNX Runtime's provider OpenVINO",
        ("openvino_provider",),
        ("onnxruntime-openvino==1.24.1", "openvino==2025.4.1", "numpy"),
    ),
    Row("onnxruntime-node", ("javascript.mjs", "onnxruntime-node"), ("onnxruntime-node@1.30.0",)),
    Row("onnxruntime-web, WASM, in Node", ("javascript.mjs", "onnxruntime-web"), ("onnxruntime-web@1.30.0",)),
    Row(
        "OpenVINO",
        ("openvino",),
        ("openvino==2026.4.1", "numpy"),
        "OpenVINO computes in float32 here. Its own default is bfloat16 where the processor has it, which is far off.",
    ),
    Row("onnx's reference evaluator", ("reference_evaluator",), ("onnx==1.23.2",)),
    Row("tract", ("tract",), ("tract==0.23.9", "onnx==1.23.2")),
    Row("OpenCV", ("opencv",), ("opencv-python-headless==5.0.0.93", "numpy")),
    Row("MNN", ("mnn",), ("mnn==3.6.1", "numpy")),
    Row("tinygrad", ("tinygrad",), ("tinygrad==0.14.0", "numpy"), "tinygrad needs clang to compute on a CPU."),
    Row("onnxslim", ("simplified", "onnxslim"), ("onnxslim==0.1.98", *_ONNX), _SIMPLIFIED),
    Row("onnxsim", ("simplified", "onnxsim"), ("onnxsim==0.8.1", *_ONNX), _SIMPLIFIED),
    Row("onnxoptimizer", ("simplified", "onnxoptimizer"), ("onnxoptimizer==0.4.2", *_ONNX), _SIMPLIFIED),
)
