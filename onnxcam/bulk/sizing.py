"""How many workers a cluster gets, and how much of it each takes.

Ray's CPUs are a promise, not a measurement: workers that ask for all of them leave none to the tasks that read, and the
job waits for ever (https://github.com/ray-project/ray/issues/44687). A worker that dies with its node waits until it
fits elsewhere. So two CPUs have no worker, and a worker asks for half of the CPUs that its threads use. The other half
is for the tasks, and for the workers of a node that was lost.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from onnxcam.errors import ProviderError
from onnxcam.levels import AT_INPUT

if TYPE_CHECKING:
    from collections.abc import Sequence

    from onnxcam.bulk.rows import Wish
    from onnxcam.metadata import Metadata

_SHARE = 0.5
# Ray's filter of what is done takes one, and each of the tasks that list, read and divide does.
SPARE_CPUS = 2
# A task's images; enough of them that Ray's own few milliseconds for a task do not count.
_MOST_IMAGES = 64
# Ray splits what a task makes at 128 MiB, and the rows of an image must stay together.
_MOST_BYTES = 2**26
_BYTES_OF_ROW = 2**12


@dataclass(frozen=True, slots=True)
class Node:
    """What a machine of the cluster has.

    Attributes:
        cpus: Its CPUs.
        gpus: Its GPUs.
    """

    cpus: float
    gpus: float = 0


@dataclass(frozen=True, slots=True)
class Sizing:
    """The workers of a job.

    Attributes:
        workers: Their number.
        threads: The threads of each: those of a run, and those that decode images.
        cpus: The CPUs that each asks Ray for.
        gpus: The GPUs that each asks Ray for.
    """

    workers: int
    threads: int
    cpus: float
    gpus: int


def sized(nodes: Sequence[Node], workers: int | None = None, threads: int | None = None) -> Sizing:
    """Divides a cluster among workers.

    Args:
        nodes: The machines.
        workers: The number of workers; None is one for each GPU or, without GPUs, as many as there are CPUs for.
        threads: The threads of each; None is one, or with GPUs all CPUs of its machine for each of its GPUs.

    Raises:
        ProviderError: The cluster is too small for them.
    """
    cpus, gpus = sum(node.cpus for node in nodes), int(sum(node.gpus for node in nodes))
    free = cpus - SPARE_CPUS
    if free < 1:
        least = SPARE_CPUS + 1
        raise ProviderError(
            f"the cluster has {cpus:g} CPUs, and a job needs {least}; start Ray with --num-cpus {least}"
        )
    if threads is None:
        threads = max(1, min((int(node.cpus // node.gpus) for node in nodes if node.gpus), default=1))
    workers = workers or gpus or max(1, int(free // threads))
    asked = threads * _SHARE
    if workers * asked > free or (gpus and workers > gpus):
        what = f"{gpus} GPUs and {cpus:g} CPUs" if gpus else f"{cpus:g} CPUs"
        raise ProviderError(
            f"{workers} workers of {threads} threads do not fit into a cluster of {what}; give fewer --workers or "
            "--threads"
        )
    return Sizing(workers, threads, asked, 1 if gpus else 0)


def images_in_block(metadata: Metadata, wish: Wish) -> int:
    """The images that one task takes, so that its rows are one block and one file holds all rows of an image.

    Args:
        metadata: The model's metadata.
        wish: The computation for each image.
    """
    pixels = 2 * math.prod(metadata.image.places) if wish.level >= AT_INPUT else 0
    row = _BYTES_OF_ROW + pixels
    return max(1, min(_MOST_IMAGES, _MOST_BYTES // (row * len(wish.targets))))
