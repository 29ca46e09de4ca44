import json

import pytest

from onnxcam.metadata import Metadata


@pytest.mark.parametrize("name", ["toy", "pooled", "flat"])
def test_it_survives_json(request, name):
    metadata = request.getfixturevalue(name).metadata
    assert Metadata.from_json(metadata.to_json()) == metadata


def test_unknown_fields_are_ignored(pooled):
    data = json.loads(pooled.metadata.to_json())
    data["novelty"] = data["image"]["novelty"] = data["layers"][0]["novelty"] = 1
    assert Metadata.from_json(json.dumps(data)) == pooled.metadata


def test_the_input_shape_follows_the_layout(pooled, flat):
    assert pooled.metadata.image.shape == (3, 8, 8)
    assert flat.metadata.image.shape == (8, 8, 3)
