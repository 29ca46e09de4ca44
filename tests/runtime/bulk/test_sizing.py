import dataclasses

import pytest

from onnxcam import ProviderError
from onnxcam.bulk.rows import Wish
from onnxcam.bulk.sizing import Node, Sizing, images_in_block, sized


@pytest.mark.parametrize(
    ("nodes", "sizing"),
    [
        ([Node(4)], Sizing(2, 1, 0.5, 0)),
        ([Node(16), Node(16)], Sizing(30, 1, 0.5, 0)),
        ([Node(3)], Sizing(1, 1, 0.5, 0)),
        ([Node(32, 4), Node(16)], Sizing(4, 8, 4, 1)),
        ([Node(32, 4), Node(8, 2)], Sizing(6, 4, 2, 1)),
    ],
)
def test_a_worker_for_each_gpu_or_for_each_cpu_but_two(nodes, sizing):
    assert sized(nodes) == sizing


@pytest.mark.parametrize("threads", [None, 2, 4])
@pytest.mark.parametrize("cpus", [8, 32, 97])
def test_half_of_the_machines_hold_all_workers_and_leave_a_cpu_to_the_tasks(cpus, threads):
    found = sized([Node(cpus), Node(cpus)], threads=threads)
    assert found.workers * found.cpus + 1 <= cpus
    assert found.workers * found.threads > 2 * cpus - 2 - found.threads


def test_numbers_that_are_given_are_taken():
    assert sized([Node(8)], 3, 2) == Sizing(3, 2, 1, 0)


@pytest.mark.parametrize(
    ("nodes", "workers", "threads", "words"),
    [
        ([Node(2)], None, None, "the cluster has 2 CPUs, and a job needs 3; start Ray with --num-cpus 3"),
        ([], None, None, "the cluster has 0 CPUs"),
        ([Node(4)], 5, None, "5 workers of 1 threads do not fit into a cluster of 4 CPUs"),
        ([Node(4)], None, 5, "1 workers of 5 threads do not fit into a cluster of 4 CPUs"),
        ([Node(16, 2)], 3, 1, "3 workers of 1 threads do not fit into a cluster of 2 GPUs and 16 CPUs"),
    ],
)
def test_a_cluster_that_is_too_small(nodes, workers, threads, words):
    with pytest.raises(ProviderError, match=words):
        sized(nodes, workers, threads)


def test_a_task_makes_less_than_ray_would_split(pooled):
    metadata = pooled.metadata
    assert images_in_block(metadata, Wish()) == 64
    large = dataclasses.replace(metadata, image=dataclasses.replace(metadata.image, height=640, width=640))
    for targets in (1, 5, 100):
        wish = Wish((-1,) * targets, level=2)
        images = images_in_block(large, wish)
        assert images >= 1
        assert images == 1 or images * targets * (2 * 640 * 640 + 2000) < 2**27
    assert images_in_block(large, Wish((-1,) * 1000, level=2)) == 1
