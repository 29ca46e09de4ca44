"""Why packages do not run on a machine, found without importing them here, which could end this process."""

from __future__ import annotations

import os
import platform
import signal
import struct
import subprocess
import sys
import sysconfig
from dataclasses import dataclass

from onnxcam.text import shortened

_OLDEST_GLIBC = (2, 28)  # of the packages of ONNX Runtime since 1.21; those of 1.20 need 2.27
_ILLEGAL_ON_WINDOWS = 0xC000001D


@dataclass(frozen=True, slots=True)
class Machine:
    """What decides whether there are packages for a machine.

    Attributes:
        architecture: The kernel's, such as ``aarch64``.
        bits: 32 or 64, of this Python. A 32-bit system often has a 64-bit kernel.
        libc: The C library and its version, such as ``("glibc", "2.36")``; both empty where they are not known.
    """

    architecture: str
    bits: int
    libc: tuple[str, str]


def this_machine() -> Machine:
    """The machine that this Python runs on."""
    musl = "musl" in str(sysconfig.get_config_var("HOST_GNU_TYPE"))
    libc = ("musl", "") if musl else platform.libc_ver()
    return Machine(platform.machine(), 8 * struct.calcsize("P"), libc)


def unsuitable(machine: Machine) -> list[str]:
    """Why there are no packages of ONNX Runtime for a machine, a sentence for each reason."""
    reasons = []
    if machine.bits == 32:
        reasons.append(
            f"this Python is a 32-bit program on {machine.architecture}, and ONNX Runtime has 64-bit packages alone; "
            "install a 64-bit system, such as the 64-bit Raspberry Pi OS, since a 64-bit kernel alone does not help"
        )
    name, version = machine.libc
    if name == "musl":
        reasons.append(
            "the C library is musl, for which ONNX Runtime has no packages; use a system with glibc, such as Debian"
        )
    if name == "glibc" and _numbers(version) < _OLDEST_GLIBC:
        needed = ".".join(map(str, _OLDEST_GLIBC))
        reasons.append(
            f"the C library is glibc {version}, and ONNX Runtime's packages need {needed}; update the system"
        )
    return reasons


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split(".") if part.isdecimal())


def crashes() -> list[str]:
    """The packages that cannot be imported here, a sentence for each.

    An ONNX Runtime that is missing or raises an error is not among them: ``engine`` says what is wrong with it.
    """
    ended = {package: _imported_elsewhere(package) for package in ("numpy", "onnxruntime")}
    return [words for package, end in ended.items() if end is not None and (words := crash(package, *end))]


def crash(package: str, code: int, error: str) -> str | None:
    """What it means that a process ended that imported a package.

    Args:
        package: Its name.
        code: The process's exit code; minus the number of a signal that ended it.
        error: What it printed.

    Returns:
        A sentence; None if there is nothing to say.
    """
    if code in {-signal.SIGILL, _ILLEGAL_ON_WINDOWS}:
        return f"{package} uses an instruction that this processor lacks; install another version of {package}"
    if code < 0:
        return f"importing {package} ends with {signal.Signals(-code).name}; uninstall {package} and install it again"
    if code and package == "numpy":
        # NumPy writes a page, with the reason at its end.
        reason = error.rpartition("Original error was: ")[2].rpartition("Error: ")[2]
        reason = shortened(" ".join(reason.split()).removesuffix("."))
        return f"numpy cannot be imported: {reason}; install another version of numpy"
    return None


def _imported_elsewhere(package: str) -> tuple[int, str] | None:
    """Imports a package in a process of its own: its exit code and what it printed; None if none can be started."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, "-P", "-c", f"import {package}"]
    try:
        ended = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)  # noqa: S603
    except OSError:  # an emulator runs this one process
        return None
    return ended.returncode, ended.stderr
