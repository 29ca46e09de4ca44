"""A Ray cluster of two nodes on this machine."""

from __future__ import annotations

import io
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
import ray
from PIL import Image
from ray.cluster_utils import Cluster

if TYPE_CHECKING:
    from collections.abc import Iterator

DATA = Path(__file__).parents[1] / "data"
CPUS = 3  # of each node


@pytest.fixture
def model() -> Path:
    return DATA / "pooled.onnx"


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    """Two nodes, of which the last test that uses them kills the second."""
    made = Cluster(initialize_head=True, head_node_args={"num_cpus": CPUS})
    made.add_node(num_cpus=CPUS)
    ray.init(address=made.address, log_to_driver=False)
    yield made
    ray.shutdown()
    made.shutdown()


@pytest.fixture
def photographs(tmp_path) -> Path:
    """Thirty images, one that is damaged and one that is empty."""
    folder = tmp_path / "photographs"
    (folder / "deep").mkdir(parents=True)
    for seed in range(30):
        (folder / ("deep" if seed % 2 else "") / f"{seed:02}.png").write_bytes(png(seed))
    (folder / "damaged.jpg").write_bytes((DATA / "coffee.jpg").read_bytes()[:2000])
    (folder / "empty.png").touch()
    (folder / "notes.txt").write_text("no image")
    return folder


def png(seed: int) -> bytes:
    pixels = np.random.default_rng(seed).integers(0, 256, (40, 60, 3), np.uint8)
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, "PNG")
    return stream.getvalue()
