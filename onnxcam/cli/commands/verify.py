"""The declaration of ``onnxcam verify``."""

from __future__ import annotations

from onnxcam.cli.options import JsonOption, ModelArgument, ProviderOption, ThreadsOption


def verify(
    model: ModelArgument = None,
    json: JsonOption = False,
    provider: ProviderOption = None,
    threads: ThreadsOption = None,
) -> None:
    """Checks that a model's outputs on this machine are those of its export."""
    from onnxcam.cli.verify import run

    run(model, as_json=json, providers=provider, threads=threads)
