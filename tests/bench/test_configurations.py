from __future__ import annotations

import json

import pytest

from bench import gpu
from bench.configurations import GROUPS, NETWORKS, Configuration, plan


@pytest.mark.parametrize("sets", [plan(list(NETWORKS), list(GROUPS)), gpu.plan(list(NETWORKS))], ids=["cpu", "cuda"])
def test_each_configuration_is_measured_once_and_each_network_in_turns(sets):
    configurations = [c for together in sets for c in together]
    assert len(set(configurations)) == len(configurations)
    assert {c.network for c in configurations} == set(NETWORKS)
    assert all(len({c.network for c in together}) == 1 for together in sets)


def test_start_up_is_measured_with_the_model_that_the_package_carries():
    started = {c.network for together in plan(list(NETWORKS), ["start"]) for c in together}
    assert started == {"efficientnet_lite0"}


@pytest.mark.parametrize(
    ("kind", "export"),
    [
        ("plain", "plain"),
        ("level1", "explainer"),
        ("flat", "flat"),
        ("memory:level2", "explainer"),
        ("memory:fixed0", "explainer"),
        ("memory:plain", "plain"),
        ("memory:bare", ""),
        ("start:plain", "plain"),
        ("start:onnxcam", ""),
        ("autograd", ""),
    ],
)
def test_each_kind_runs_its_export(kind, export):
    assert Configuration(kind).export == export


def test_a_configuration_is_read_back_from_its_line():
    configuration = Configuration("level2", "vgg16", batch=8, targets=2, precision="float16")
    assert Configuration(**json.loads(configuration.to_json())) == configuration
