"""Opening models in ONNX Runtime."""

import subprocess
import sys

CODE = """
import sys
sys.modules["onnxruntime"] = None
from onnxcam.cli import main
sys.exit(main(["export", "x"]))
"""


def test_without_onnx_runtime_the_export_says_what_to_install():
    result = subprocess.run([sys.executable, "-c", CODE], capture_output=True, text=True, check=False)
    assert (result.returncode, result.stdout) == (2, "")
    assert result.stderr.startswith("onnxcam: ONNX Runtime is not installed; install it with pip install")
    assert result.stderr.count("\n") == 1
