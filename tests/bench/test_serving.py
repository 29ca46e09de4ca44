import json

import numpy as np

from bench.serving.requests import MODEL, OUTPUTS, binary_request, json_request
from bench.serving.soak import kinds
from onnxcam.execution.model import LoadedModel
from onnxcam.serving.protocol.request import read_request


def test_one_request_in_ten_of_the_soak_is_malformed():
    every = kinds()
    assert sum(kind.weight for kind in every) == 1000
    assert sum(kind.weight for kind in every if kind.status != 200) == 100


def test_requests_name_outputs_of_the_model_and_both_forms_are_one_image():
    given = {tensor.name for tensor in LoadedModel(MODEL, ["cpu"], threads=1).gives}
    for level, names in OUTPUTS.items():
        body, length = binary_request(level)
        binary = read_request(memoryview(body), length)
        text = read_request(memoryview(json_request(level)), None)
        assert given >= {*names}
        assert list(binary.outputs) == list(text.outputs) == names
        np.testing.assert_allclose(text.inputs["image"], binary.inputs["image"], atol=1e-4)
        assert json.loads(body[:length])["outputs"][0]["parameters"] == {"binary_data": True}
