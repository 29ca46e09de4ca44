import pytest

from onnxcam.execution.installation import conflicts, versions


def test_versions():
    found = versions()
    assert {"python", "numpy", "pillow", "msgspec"} <= set(found)
    assert any(name.startswith(("onnxruntime", "ort-")) for name in found)


@pytest.mark.parametrize(
    ("installed", "words"),
    [
        ([], None),
        (["onnxruntime"], None),
        (["onnxruntime-gpu"], None),
        (["onnxruntime", "onnxruntime-gpu"], "onnxruntime and onnxruntime-gpu bring the same package"),
        (["onnxruntime", "ort-nightly", "numpy"], "onnxruntime and ort-nightly bring the same package"),
    ],
)
def test_flavours_that_overwrite_each_other(installed, words):
    assert [note.partition(" and overwrite")[0] for note in conflicts(installed)] == ([words] if words else [])
