import pytest

from onnxcam.triton.kserve import manifest, service_name


def test_the_manifest_names_the_service_the_runtime_and_the_address():
    text = manifest("Lite_0", 's3://bucket/a "b"')
    assert text.splitlines()[1:] == [
        "apiVersion: serving.kserve.io/v1beta1",
        "kind: InferenceService",
        "metadata:",
        "  name: lite-0",
        "spec:",
        "  predictor:",
        "    model:",
        "      modelFormat:",
        "        name: triton",
        "      runtime: kserve-tritonserver",
        "      protocolVersion: v2",
        '      storageUri: "s3://bucket/a \\"b\\""',
    ]
    assert text.startswith("# Written by onnxcam: ")


@pytest.mark.parametrize(
    ("name", "service"),
    [("lite0", "lite0"), ("50_layers", "model-50-layers"), ("__", "model"), ("a" * 80, "a" * 63), ("Über.x", "ber-x")],
)
def test_a_service_has_a_name_that_kubernetes_takes(name, service):
    assert service_name(name) == service
