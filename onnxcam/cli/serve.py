"""``onnxcam serve``: serves models over HTTP."""

from __future__ import annotations

import importlib
import os
import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from onnxcam.cli.signals import patient
from onnxcam.errors import OnnxCamError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from onnxcam.levels import Level

TOKEN = "ONNXCAM_TOKEN"  # noqa: S105  the variable's name
_MIB = 2**20
_PACKAGES = ("starlette", "uvicorn", "httptools", "prometheus_client", "python_multipart")
_SHORTEST_TOKEN, _LONGEST_TOKEN = 8, 4096


@dataclass(frozen=True, slots=True)
class Options:
    """The command's options, as ``onnxcam.cli.commands.serve`` describes them."""

    host: str
    port: int
    token_file: Path | None
    level: int | None
    whole: bool
    unchecked: bool
    runs: int | None
    queue: int
    timeout: float
    max_body: int
    max_pixels: int
    max_rows: int
    batch: int
    batch_wait: float
    quiet: bool
    providers: Sequence[str] | None
    threads: int | None


def run(models: Sequence[str], options: Options) -> int:
    """Serves until a signal ends it.

    Args:
        models: Paths, or ``NAME=PATH``; none is the default model.
        options: The command's options.

    Returns:
        The exit code, 0.

    Raises:
        OnnxCamError: The packages of the extra are missing, an argument is wrong, or a model cannot be served.
    """
    _check_installed()
    from onnxcam.serving.exchange.logs import Log  # noqa: PLC0415  the extra is there now
    from onnxcam.serving.names import named_models  # noqa: PLC0415
    from onnxcam.serving.running.memory import return_large_buffers  # noqa: PLC0415
    from onnxcam.serving.server import listen, serve  # noqa: PLC0415

    paths, token, log = named_models(models), _token(options.token_file), Log(requests=not options.quiet)
    listener = listen(options.host, options.port)
    return_large_buffers()
    host, port = listener.getsockname()[:2]
    log.event("listening", address=f"http://{f'[{host}]' if ':' in host else host}:{port}", models=list(paths))
    if token is None and host not in {"127.0.0.1", "::1"}:
        log.event("open", "warning", message="other machines can use this service without a token; see --token-file")
    with warnings.catch_warnings(), patient():
        warnings.simplefilter("ignore")  # Pillow's, about pictures of clients
        serve(_service(paths, token, log, options), listener)
    return 0


def _service(paths: dict[str, Path], token: str | None, log: Any, options: Options) -> Any:
    from onnxcam.serving.models import Opening  # noqa: PLC0415
    from onnxcam.serving.running.limits import Limits  # noqa: PLC0415
    from onnxcam.serving.running.sizes import default_runs, default_threads  # noqa: PLC0415
    from onnxcam.serving.service import Coalescing, Service  # noqa: PLC0415

    runs = options.runs or default_runs()

    return Service(
        paths,
        Opening(
            options.providers,
            options.threads or default_threads(runs),
            cast("Level | None", options.level),
            checked=not options.unchecked,
            whole=options.whole,
        ),
        Limits(
            body=options.max_body * _MIB,
            pixels=options.max_pixels,
            rows=options.max_rows,
            queue=options.queue,
            seconds=options.timeout,
            runs=runs,
        ),
        token,
        Coalescing(options.batch, options.batch_wait / 1e3),
        log,
    )


def _check_installed() -> None:
    """Checks that the packages of the extra are there.

    Raises:
        OnnxCamError: One is missing.
    """
    for name in _PACKAGES:
        try:
            importlib.import_module(name)
        except ImportError as error:
            raise OnnxCamError(
                f"'serve' needs {name}, which is not installed; install it with: pip install 'onnxcam[serve]'"
            ) from error


def _token(file: Path | None) -> str | None:
    """The token of the file, or of the environment; None if there is neither.

    Raises:
        OnnxCamError: The file cannot be read, or the token is too short, or not of visible ASCII characters.
    """
    if file is None:
        source, text = f"${TOKEN}", os.environ.get(TOKEN)
        if text is None:
            return None
    else:
        source = str(file)
        try:
            text = file.read_text(encoding="ascii") if file.stat().st_size <= _LONGEST_TOKEN else ""
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or "it is not ASCII text"
            raise OnnxCamError(f"cannot read the token from {file}: {reason}") from error
    token = text.strip()
    if not _SHORTEST_TOKEN <= len(token) <= _LONGEST_TOKEN or not all("!" <= sign <= "~" for sign in token):
        raise OnnxCamError(
            f"the token in {source} must be {_SHORTEST_TOKEN} to {_LONGEST_TOKEN} visible ASCII characters without "
            "blanks; make one with: openssl rand -hex 32"
        )
    return token
