import onnxcam_export


def test_the_public_names():
    assert dir(onnxcam_export) == sorted(onnxcam_export.__all__)
    for name in onnxcam_export.__all__:
        assert getattr(onnxcam_export, name) is not None
