"""The actor that explains batches of images."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import ray

from onnxcam.batch.tables import table
from onnxcam.bulk.recorder import Recorder
from onnxcam.bulk.rows import ImageFile, Wish
from onnxcam.explainer import Explainer

if TYPE_CHECKING:
    import pyarrow as pa


class Worker:
    """Opens the model once, and explains one batch after another."""

    def __init__(self, model: Any, model_hash: str, wish: Wish, threads: int, providers: list[str] | None) -> None:
        """Opens the model at the level of the job.

        Args:
            model: A reference to its bytes in Ray's object store, or its path.
            model_hash: SHA-256 of the file, for the rows.
            wish: What to compute.
            threads: The threads of a run, and those that decode images.
            providers: As those of ``Explainer``.
        """
        source = ray.get(model) if isinstance(model, ray.ObjectRef) else model
        explainer = Explainer(source, level=wish.level, threads=threads, providers=providers)
        self._recorder = Recorder(explainer, wish, threads=threads, model=model_hash)

    def __call__(self, batch: pa.Table) -> pa.Table:
        """The rows of a batch, as ``onnxcam.batch.files.loaded`` gives it."""
        files = [
            ImageFile(path, memoryview(content.as_buffer()) if content.is_valid else None, digest, error)
            for path, content, digest, error in zip(
                batch["path"].to_pylist(),
                batch["bytes"],
                batch["hash"].to_pylist(),
                batch["error"].to_pylist(),
                strict=True,
            )
        ]
        return table(self._recorder.rows(files))
