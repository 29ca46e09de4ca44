"""A node is killed in the middle of a job: every row once, none lost."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd
import pytest
import ray

from onnxcam.batch.images import Images
from onnxcam.batch.job import write
from onnxcam.batch.pipeline import nodes, planned
from onnxcam.batch.place import Place
from onnxcam.bulk.rows import Wish
from onnxcam.bulk.sizing import sized

IMAGES = 384
SECONDS = 300


@dataclass(frozen=True, slots=True)
class Gated(Images):
    """Half of the images are held back until the node is dead, so that the job is in its middle for certain."""

    folder: str = field(default="")

    def dataset(self, place):
        blocks = Images.dataset(self, place).repartition(target_num_rows_per_block=IMAGES // 12, strict=True)
        return blocks.map_batches(
            held_back, num_cpus=0.01, fn_kwargs={"folder": self.folder, "half": self.paths[IMAGES // 2]}
        )


def held_back(batch, folder, half):
    """Leaves a file with the node's name, and waits for the file ``dead`` before the second half."""
    (Path(folder) / ray.get_runtime_context().get_node_id()).touch()
    end = time.monotonic() + SECONDS
    while max(batch["path"]) >= half and not (Path(folder) / "dead").exists():
        assert time.monotonic() < end
        time.sleep(0.1)
    return batch


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_every_row_is_there_once(cluster, photographs, tmp_path, model):
    signs = tmp_path / "signs"
    signs.mkdir()
    (lost,) = cluster.worker_nodes
    paths = [f"{photographs}/{number:04}.png" for number in range(IMAGES)]
    for number, path in enumerate(paths):
        Path(path).symlink_to(photographs / ("deep" if number % 2 else "") / f"{number % 30:02}.png")
    place = Place.named(str(tmp_path / "maps.parquet"))
    place.begin({})
    plan = planned(model, Wish((0, -1)), None, None, 8)
    assert plan.sizing.workers == sized(nodes()).workers == 4
    job = threading.Thread(target=write, args=(Gated(IMAGES, paths, folder=str(signs)), plan, place))
    job.start()
    committed = Path(place.checkpoint)
    end = time.monotonic() + SECONDS
    while not any(committed.glob("*[0-9].parquet")) and job.is_alive() and time.monotonic() < end:
        time.sleep(0.1)
    assert lost.node_id in {sign.name for sign in signs.iterdir()}, "nothing was run on the node that is killed"
    cluster.remove_node(lost, allow_graceful=False)
    (signs / "dead").touch()
    job.join(SECONDS)
    assert not job.is_alive()
    frame = pd.concat(map(pd.read_parquet, Path(place.output).glob("*.parquet")))
    assert frame["error"].isna().all()
    assert sorted(frame["path"]) == sorted([*paths, *paths])
    assert place.count() == (IMAGES, 2 * IMAGES, 0)
