"""``onnxcam batch``: explains a bucket or a folder of any size on Ray Data."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from onnxcam.artifact.adapt import stated_metadata
from onnxcam.bulk.rows import Wish
from onnxcam.bulk.sources import parsed
from onnxcam.cli.masks import MaskedRegion
from onnxcam.cli.targets import read_targets
from onnxcam.errors import TargetError
from onnxcam.execution.bundled import default_model
from onnxcam.text import printable

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from onnxcam.levels import Level
    from onnxcam.methods import MapMethod
    from onnxcam.targets.rows import Target


def wish_of(model: Path | None, targets: Sequence[str], level: Level, layer: str | None, method: MapMethod) -> Wish:
    """Reads the options that say what to compute.

    Raises:
        ModelError: There is no such model.
        TargetError: The model has no such target, or it needs a picture beside each image.
    """
    metadata = stated_metadata(default_model() if model is None else model)
    asked: list[Target] = []
    for target in read_targets(targets, metadata):
        if isinstance(target, MaskedRegion):
            raise TargetError("a mask belongs to one image; explain it with onnxcam explain")
        asked.append(target)
    return Wish(tuple(asked), level, layer, method)


def run(
    source: str,
    output: str,
    model: Path | None,
    wish: Wish,
    address: str | None,
    *,
    column: str | None,
    workers: int | None,
    threads: int | None,
    batch_size: int | None,
) -> None:
    """Runs the job and prints a line.

    Args:
        source: A folder, a pattern, a file, a URI or Parquet.
        output: The folder of Parquet files.
        model: The model; None is the default one.
        wish: The computation for each image.
        address: The Ray cluster.
        column: The column of a table.
        workers: The number of workers.
        threads: The threads of each.
        batch_size: The images of one run.

    Raises:
        OnnxCamError: Ray is not installed, or as in ``onnxcam.batch.job.run``.
    """
    parsed_source = parsed(source)
    import onnxcam.batch  # noqa: F401, PLC0415  says how to install Ray
    from onnxcam.batch.job import Request, cluster  # noqa: PLC0415
    from onnxcam.batch.job import run as run_job  # noqa: PLC0415
    from onnxcam.batch.place import Place  # noqa: PLC0415

    request = Request(
        parsed_source, Place.named(output), wish, model, column, workers=workers, threads=threads, batch_size=batch_size
    )
    with cluster(address):
        result = run_job(request)
    errors = f", {result.failed} with an error" if result.failed else ""
    again = ", with what an earlier run had done" if result.resumed else ""
    typer.echo(f"saved {printable(output)}: {result.images} images, {result.rows} rows{errors}{again}")
