"""Explanations as a step of a Ray dataset: tasks read the files, actors decode and explain them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import ray
from ray.data import ActorPoolStrategy

from onnxcam.artifact.external_data import locations
from onnxcam.artifact.source import readable
from onnxcam.batch.files import loaded
from onnxcam.batch.worker import Worker
from onnxcam.bulk.recorder import check
from onnxcam.bulk.rows import Wish
from onnxcam.bulk.sizing import Node, Sizing, images_in_block, sized
from onnxcam.execution.bundled import default_model
from onnxcam.explainer import Explainer
from onnxcam.hashes import model_sha256

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ray.data import Dataset

    from onnxcam.artifact.source import ModelSource
    from onnxcam.levels import Level
    from onnxcam.methods import MapMethod
    from onnxcam.targets.rows import Target

# The CPUs that a task asks for: it waits for a disk or a bucket most of the time.
TASK_CPUS = 0.25
# The images of one run. At level 2, the gradients of more of them no longer fit into the processor's caches: an image
# takes 37 ms in a batch of one, 40 of two and 64 of eight, where level 1 takes 9 to 10 in each.
BATCHES = {0: 8, 1: 8, 2: 2}


@dataclass(frozen=True, slots=True)
class Plan:
    """A job that was checked.

    Attributes:
        model: A reference to the model's bytes in Ray's object store, or its path.
        digest: SHA-256 of the model file.
        wish: The computation for each image.
        sizing: The workers.
        batch_size: The images of one run.
        block: The images of one task.
    """

    model: Any
    digest: str
    wish: Wish
    sizing: Sizing
    batch_size: int
    block: int


def explain(
    dataset: Dataset,
    model: ModelSource | None = None,
    *,
    target: Target | Sequence[Target] = -1,
    level: Level = 1,
    layer: str | None = None,
    method: MapMethod = "grad-cam",
    workers: int | None = None,
    threads: int | None = None,
    batch_size: int | None = None,
) -> Dataset:
    """Explains the images of a Ray dataset.

    Args:
        dataset: A column ``path`` that identifies each image: its file, or any name if there is a column ``bytes``.
        model: As that of ``onnxcam.Explainer``. Its bytes are sent to the workers; only a model with external data
            must lie at the same path on every machine.
        target: The targets of each image, as those of one image in ``Explainer.explain``; each is a row.
        level: 0 for scores, 1 also for a map, 2 also for the gradient at the input.
        layer: The layer of the map; None is the model's first.
        method: The method of the map, as in ``Explanation.map``.
        workers: The number of actors; None is one for each GPU of the cluster or, without GPUs, for each CPU.
        threads: The threads of each; None is one, or with GPUs the CPUs of the machine for each of its GPUs.
        batch_size: The images of one run; None is 8, or 2 at level 2.

    Returns:
        A dataset with the columns of ``onnxcam.bulk.columns.Row``. An image that cannot be read, decoded or explained
        is a row with an ``error``.

    Raises:
        OnnxCamError: The model or the cluster cannot do this; said before anything is run.
    """
    targets = tuple(target) if isinstance(target, (list, tuple)) else (target,)
    plan = planned(model, Wish(targets, level, layer, method), workers, threads, batch_size)
    return steps(dataset, plan)


def planned(
    model: ModelSource | None, wish: Wish, workers: int | None, threads: int | None, batch_size: int | None
) -> Plan:
    """Checks a job, and fits it to the cluster; the arguments and errors are those of ``explain``."""
    with Explainer(model, level=wish.level, threads=1) as explainer:
        check(explainer, wish)
        block = images_in_block(explainer.metadata, wish)
    reference, digest = _sent(model)
    return Plan(reference, digest, wish, sized(nodes(), workers, threads), batch_size or BATCHES[wish.level], block)


def steps(dataset: Dataset, plan: Plan) -> Dataset:
    """The steps of ``explain``."""
    blocks = dataset.repartition(target_num_rows_per_block=plan.block, strict=True)
    read = blocks.map_batches(
        loaded,
        batch_format="pyarrow",
        num_cpus=TASK_CPUS,
        fn_kwargs={"root": str(Path.cwd())},
        udf_modifying_row_count=False,
    )
    sizing = plan.sizing
    providers = None if sizing.gpus else ["cpu"]
    return read.map_batches(
        Worker,
        batch_format="pyarrow",
        batch_size=plan.batch_size,
        compute=ActorPoolStrategy(size=sizing.workers),
        num_cpus=sizing.cpus,
        num_gpus=sizing.gpus or None,
        fn_constructor_args=(plan.model, plan.digest, plan.wish, sizing.threads, providers),
    )


def _sent(model: ModelSource | None) -> tuple[Any, str]:
    """The model as the workers get it, and its SHA-256; what has external data is opened from its path."""
    source = readable(default_model() if model is None else model)
    content = source if isinstance(source, bytes) else Path(source).read_bytes()
    if isinstance(source, str) and next(locations(content), None) is not None:
        return str(Path(source).absolute()), model_sha256(source)
    return ray.put(content), model_sha256(content)


def nodes() -> list[Node]:
    """The machines of the cluster."""
    alive = (node["Resources"] for node in ray.nodes() if node["Alive"])
    return [Node(found.get("CPU", 0), found.get("GPU", 0)) for found in alive]
