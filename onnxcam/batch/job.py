"""A job from its source to Parquet, which goes on where it was interrupted."""

from __future__ import annotations

import contextlib
import logging
import os
import socket
import sys
import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING

import ray
from ray.data import DataContext
from ray.data.checkpoint import CheckpointConfig
from ray.exceptions import RayError

from onnxcam.batch.files import reason_of
from onnxcam.batch.images import found
from onnxcam.batch.pipeline import TASK_CPUS, planned, steps
from onnxcam.bulk.columns import ID
from onnxcam.bulk.sizing import SPARE_CPUS
from onnxcam.errors import OnnxCamError, ProviderError
from onnxcam.execution.threads import processors

if TYPE_CHECKING:
    from collections.abc import Iterator

    from onnxcam.artifact.source import ModelSource
    from onnxcam.batch.images import Images
    from onnxcam.batch.pipeline import Plan
    from onnxcam.batch.place import Place
    from onnxcam.bulk.rows import Wish
    from onnxcam.bulk.sources import Source

# A hundred files or so, each of which is done or not; and none too small to be read quickly.
_FILES, _FEWEST_ROWS, _MOST_ROWS = 100, 64, 4096
# Ray would ask for 1 GiB to remember what is done, which a small machine may not have.
_CHECKPOINT_MEMORY = 2**28
_SECONDS_TO_CONNECT = 10


@dataclass(frozen=True, slots=True)
class Request:
    """What a user asks for.

    Attributes:
        source: The images.
        output: The folder of Parquet files.
        wish: The computation for each image.
        model: The model.
        column: The column of a table that holds paths or bytes; None is ``path``, or ``bytes`` if there is one.
        workers: As in ``onnxcam.batch.explain``.
        threads: Likewise.
        batch_size: Likewise.
    """

    source: Source
    output: Place
    wish: Wish
    model: ModelSource | None
    column: str | None = None
    workers: int | None = None
    threads: int | None = None
    batch_size: int | None = None


@dataclass(frozen=True, slots=True)
class Result:
    """What is in the output.

    Attributes:
        images: The number of images.
        rows: The number of rows.
        failed: The number of rows with an error.
        resumed: Whether an earlier job was taken up.
    """

    images: int
    rows: int
    failed: int
    resumed: bool


@contextlib.contextmanager
def cluster(address: str | None) -> Iterator[None]:
    """Joins a Ray cluster during the block, or starts one on this machine.

    Args:
        address: The cluster's address, ``auto`` for the one that this machine is in; None starts a new one, unless
            the variable ``RAY_ADDRESS`` names one.

    Raises:
        ProviderError: There is no such cluster.
    """
    for handler in logging.getLogger("ray.data").handlers:
        if isinstance(handler, logging.StreamHandler) and not isinstance(handler, logging.FileHandler):
            handler.setLevel(logging.ERROR)  # its file keeps everything
    address = address or os.environ.get("RAY_ADDRESS")
    own = not address
    if address:
        _check_reachable(address)
    cpus = processors() + SPARE_CPUS if own else None
    try:
        ray.init(
            address,
            num_cpus=cpus,
            include_dashboard=False if own else None,
            logging_level=logging.ERROR,
            log_to_driver=False,
        )
    except (ConnectionError, RuntimeError, ValueError) as error:
        raise ProviderError(
            f"cannot join the Ray cluster {address or 'on this machine'}: {reason_of(error)}"
        ) from error
    try:
        with warnings.catch_warnings():
            # Ray warns where there are fewer images than workers.
            warnings.filterwarnings("ignore", message="The minimum number of concurrent actors", category=UserWarning)
            yield
    finally:
        ray.shutdown()


def _check_reachable(address: str) -> None:
    """Asks for a connection first, since Ray itself tries for minutes.

    Raises:
        ProviderError: Nothing listens at the address.
    """
    host, colon, port = address.rpartition("://")[2].rpartition(":")
    if not colon or not port.isdigit():
        return  # "auto", or a name that Ray resolves
    try:
        with socket.create_connection((host.strip("[]"), int(port)), timeout=_SECONDS_TO_CONNECT):
            pass
    except (OSError, OverflowError) as error:
        raise ProviderError(f"cannot join the Ray cluster {address}: {reason_of(error)}") from error


def run(request: Request) -> Result:
    """Runs a job on the cluster that was joined.

    Raises:
        OnnxCamError: The source, the output, the model or the cluster cannot do this; or the job failed.
    """
    images = found(request.source, request.column)
    plan = planned(request.model, request.wish, request.workers, request.threads, request.batch_size)
    resumed = request.output.begin(_settings(plan))
    try:
        write(images, plan, request.output)
    except RayError as error:
        raise OnnxCamError(
            f"the job ended: {reason_of(error)}; what is done is kept, and the same command goes on from there"
        ) from error
    return Result(*request.output.count(), resumed)


def _settings(plan: Plan) -> dict[str, object]:
    """What the rows depend on, so that one output holds rows of one kind."""
    wish = plan.wish
    targets = [repr(target) for target in wish.targets]
    return {
        "model": plan.digest,
        "level": wish.level,
        "target": ", ".join(targets),
        "layer": wish.layer,
        "method": wish.method,
    }


def write(images: Images, plan: Plan, place: Place) -> None:
    """Reads, explains and writes; Ray's checkpoint holds the paths whose rows are in a finished file.

    Args:
        images: The images.
        plan: The job.
        place: Where it writes, which was begun.
    """
    context = DataContext.get_current()
    context.enable_progress_bars = sys.stderr.isatty()
    checkpoint = CheckpointConfig(id_column=ID, checkpoint_path=place.checkpoint, delete_checkpoint_on_success=False)
    checkpoint.checkpoint_actor_memory_bytes = _CHECKPOINT_MEMORY
    context.checkpoint_config = checkpoint
    try:
        rows = images.count * len(plan.wish.targets)
        steps(images.dataset(place), plan).write_parquet(
            place.output,
            min_rows_per_file=min(_MOST_ROWS, max(_FEWEST_ROWS, rows // _FILES)),
            ray_remote_args={"num_cpus": TASK_CPUS},
            compression="zstd",
        )
    finally:
        context.checkpoint_config = None
