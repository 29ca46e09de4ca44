"""Ray is 700 MB, so that nothing but ``onnxcam.batch`` imports it, and that says in a sentence what is missing."""

import subprocess
import sys

HIDDEN = "import sys; sys.modules['ray'] = None; "


def run(code):
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)


def test_importing_the_package_without_ray_is_one_sentence():
    code = "import onnxcam\ntry:\n    import onnxcam.batch\nexcept onnxcam.OnnxCamError as error:\n    print(error)"
    result = run(HIDDEN + "\n" + code)
    assert result.returncode == 0, result.stderr
    assert result.stdout.startswith("onnxcam.batch needs Ray Data and pyarrow, and there is no ")
    assert result.stdout.endswith("install them with: pip install 'onnxcam[batch]'\n")


def test_the_parts_without_ray_do_not_need_it():
    result = run(HIDDEN + "import onnxcam.bulk.recorder, onnxcam.bulk.sources, onnxcam.bulk.sizing, onnxcam.cli.batch")
    assert result.returncode == 0, result.stderr
