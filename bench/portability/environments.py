"""An environment for each runtime, of pip or npm, made once."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

from bench.configurations import REPOSITORY

if TYPE_CHECKING:
    from pathlib import Path

    from bench.portability.rows import Row

_PROGRAMS = REPOSITORY / "bench" / "portability" / "runtimes"


def command(row: Row, folder: Path) -> list[str]:
    """The command that runs a row's program, in an environment below a folder, which is made if it is missing.

    Raises:
        CalledProcessError: The packages cannot be installed.
    """
    environment = folder / row.folder
    made = environment / ".made"
    program, *arguments = row.program
    javascript = program.endswith(".mjs")
    if not made.exists():
        environment.mkdir(parents=True, exist_ok=True)
        (_npm if javascript else _pip)(environment, row.packages)
        made.touch()
    if javascript:
        return ["node", str(_PROGRAMS / program), *arguments]
    return [str(environment / "bin" / "python"), "-m", f"bench.portability.runtimes.{program}", *arguments]


def working_folder(row: Row, folder: Path) -> Path:
    """Where the program runs: Node finds packages in its environment, and Python this package in the repository."""
    return folder / row.folder if row.program[0].endswith(".mjs") else REPOSITORY


def _pip(environment: Path, packages: tuple[str, ...]) -> None:
    _run([sys.executable, "-m", "venv", str(environment)], environment)
    _run([str(environment / "bin" / "python"), "-m", "pip", "install", "--quiet", *packages], environment)


def _npm(environment: Path, packages: tuple[str, ...]) -> None:
    (environment / "package.json").write_text("{}", encoding="utf-8")
    # Without its script, which would fetch the libraries for CUDA; those for the CPU are in the package.
    _run(["npm", "install", "--silent", "--ignore-scripts", *packages], environment)


def _run(arguments: list[str], folder: Path) -> None:
    subprocess.run(arguments, cwd=folder, check=True, capture_output=True, text=True)
