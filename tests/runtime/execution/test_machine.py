import signal
import sys

import pytest

from onnxcam.execution.machine import Machine, crash, crashes, this_machine, unsuitable

NEEDS = "ONNX Runtime's packages need 2.28; update the system"
BASELINE = """Traceback (most recent call last):
  File "numpy/__init__.py", line 112, in <module>
RuntimeError: NumPy was built with baseline optimizations:
(X86_V2) but your machine doesn't support:
(X86_V2).
"""


@pytest.mark.parametrize(
    ("machine", "words"),
    [
        (Machine("x86_64", 64, ("glibc", "2.28")), []),
        (Machine("aarch64", 64, ("glibc", "2.41")), []),
        (Machine("arm64", 64, ("", "")), []),
        (Machine("armv7l", 32, ("glibc", "2.36")), ["this Python is a 32-bit program on armv7l"]),
        (Machine("aarch64", 32, ("glibc", "2.36")), ["this Python is a 32-bit program on aarch64"]),
        (Machine("aarch64", 64, ("glibc", "2.27")), [f"the C library is glibc 2.27, and {NEEDS}"]),
        (Machine("aarch64", 64, ("glibc", "2.9")), [f"the C library is glibc 2.9, and {NEEDS}"]),
        (Machine("x86_64", 64, ("musl", "")), ["the C library is musl"]),
        (
            Machine("armv6l", 32, ("glibc", "2.24")),
            ["this Python is a 32-bit program", f"the C library is glibc 2.24, and {NEEDS}"],
        ),
    ],
)
def test_machines_without_packages(machine, words):
    found = unsuitable(machine)
    assert len(found) == len(words)
    assert all(sentence.startswith(start) for sentence, start in zip(found, words, strict=True))


def test_this_machine_has_packages_since_the_tests_run():
    assert unsuitable(this_machine()) == []
    assert crashes() == []


@pytest.mark.parametrize(
    ("package", "code", "error", "words"),
    [
        ("onnxruntime", 0, "a warning", None),
        ("onnxruntime", 1, "ModuleNotFoundError: No module named 'onnxruntime'", None),
        (
            "onnxruntime",
            -signal.SIGILL,
            "",
            "onnxruntime uses an instruction that this processor lacks; install another version of onnxruntime",
        ),
        (
            "onnxruntime",
            0xC000001D,
            "",
            "onnxruntime uses an instruction that this processor lacks; install another version of onnxruntime",
        ),
        (
            "onnxruntime",
            -signal.SIGSEGV,
            "",
            "importing onnxruntime ends with SIGSEGV; uninstall onnxruntime and install it again",
        ),
        (
            "numpy",
            1,
            "ImportError: \n\nIMPORTANT: PLEASE READ THIS\n\nOriginal error was: libblas.so.3: cannot open\n",
            "numpy cannot be imported: libblas.so.3: cannot open; install another version of numpy",
        ),
        (
            "numpy",
            1,
            BASELINE,
            (
                "numpy cannot be imported: NumPy was built with baseline optimizations: (X86_V2) but your machine "
                "doesn't support: (X86_V2); install another version of numpy"
            ),
        ),
    ],
)
def test_how_an_import_ended(package, code, error, words):
    assert crash(package, code, error) == words


def test_an_import_that_ends_the_process_ends_another(tmp_path, monkeypatch):
    (tmp_path / "onnxruntime.py").write_text("import os, signal\nos.kill(os.getpid(), signal.SIGILL)\n")
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    assert crashes() == [crash("onnxruntime", -signal.SIGILL, "")]
