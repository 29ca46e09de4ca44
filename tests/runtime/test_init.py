import subprocess
import sys

import onnxcam

PUBLIC = {
    "ClassScore",
    "Explainer",
    "Explanation",
    "ExportError",
    "LayerError",
    "Metadata",
    "MethodError",
    "ModelError",
    "OnnxCamError",
    "OutputError",
    "PictureError",
    "ProviderError",
    "RunTimeoutError",
    "TargetError",
    "TensorError",
    "VerificationError",
    "__version__",
    "adapt",
    "cam",
    "default_model",
}


def test_the_public_names():
    assert set(onnxcam.__all__) == PUBLIC
    assert set(dir(onnxcam)) == PUBLIC
    for name in PUBLIC:
        assert getattr(onnxcam, name) is not None


def test_default_model_is_the_function_also_after_its_module_was_imported():
    import onnxcam.execution.bundled  # noqa: PLC0415

    assert onnxcam.default_model is onnxcam.execution.bundled.default_model


def test_an_unknown_name_is_an_attribute_error():
    assert not hasattr(onnxcam, "nothing_of_that_name")


def run(code: str) -> str:
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    return result.stdout


def test_importing_brings_nothing_heavy_along():
    heavy = {"numpy", "PIL", "onnxruntime", "typer", "rich", "importlib.metadata"}
    assert run(f"import sys, onnxcam; print(sorted({heavy!r} & set(sys.modules)))") == "[]\n"


def test_help_brings_nothing_heavy_along():
    heavy = {"numpy", "PIL", "onnxruntime", "onnxcam_export"}
    code = f"import sys; from onnxcam.cli import main; main(['--help']); print(sorted({heavy!r} & set(sys.modules)))"
    assert run(code).endswith("[]\n")


def test_it_explains_where_torch_and_onnx_cannot_be_imported(data, tmp_path):
    code = f"""
import sys
for name in ("torch", "onnx", "onnx_ir", "onnxscript", "onnxcam_export"):
    sys.modules[name] = None  # makes every import of it fail
import onnxcam
explanation = onnxcam.Explainer({str(data / "pooled.onnx")!r}).explain({str(data / "coffee.jpg")!r})
explanation.save({str(tmp_path / "coffee.png")!r})
print(explanation.guided_grad_cam().shape)
"""
    assert run(code) == "(1, 3, 8, 8)\n"
    assert (tmp_path / "coffee.png").stat().st_size > 0
