import subprocess
import sys

import pytest

# How a module of ONNX Runtime comes to be missing, half there, or not to load.
MISSING = "sys.modules['onnxruntime'] = None"
INCOMPLETE = "sys.modules['onnxruntime'] = types.ModuleType('onnxruntime')"
BROKEN = """
class Broken:
    def find_spec(self, name, *_):
        if name == 'onnxruntime':
            raise ImportError('libonnxruntime.so: wrong ELF class')
sys.meta_path.insert(0, Broken())
"""


def run(before: str, code: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", f"import sys, types\n{before}\n{code}"]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    ("before", "words"),
    [
        (MISSING, "ONNX Runtime is not installed; install it with pip install 'onnxcam[gpu]' for NVIDIA and CUDA, or"),
        (INCOMPLETE, "the installed ONNX Runtime is broken: it lacks most of its files; uninstall onnxruntime and"),
        (BROKEN, "the installed ONNX Runtime is broken: libonnxruntime.so: wrong ELF class; uninstall onnxruntime and"),
    ],
)
@pytest.mark.parametrize("command", ["explain", "inspect", "verify"])  # doctor reports it as a finding
def test_without_a_usable_one_the_first_use_says_what_to_install(before, words, command):
    arguments = [command, "a.jpg"] if command == "explain" else [command]
    result = run(before, f"from onnxcam.cli import main; sys.exit(main({arguments!r}))")
    assert (result.returncode, result.stdout) == (2, "")
    assert result.stderr.startswith(f"onnxcam: {words}")
    assert result.stderr.count("\n") == 1


def test_in_python_it_is_one_of_our_errors():
    code = "import onnxcam\ntry: onnxcam.Explainer()\nexcept onnxcam.OnnxCamError as error: print(error)"
    assert run(MISSING, code).stdout.startswith("ONNX Runtime is not installed")


def test_what_needs_no_model_does_without():
    assert run(MISSING, "from onnxcam.cli import main; sys.exit(main(['--help']))").returncode == 0
    assert run(MISSING, "import onnxcam; print(onnxcam.cam.grad_cam)").returncode == 0
