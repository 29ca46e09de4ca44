import os
import signal
import subprocess
import sys
import threading

import pytest

from onnxcam.cli import signals
from onnxcam.cli.signals import Ended, ending_signals

WORDS = {"SIGINT": "interrupted", "SIGTERM": "terminated", "SIGHUP": "its terminal has gone"}


@pytest.mark.parametrize("name", WORDS)
def test_a_signal_ends_the_block(name):
    number = signal.Signals[name]
    before = signal.getsignal(number)
    with pytest.raises(Ended) as caught, ending_signals():
        os.kill(os.getpid(), number)
    assert (str(caught.value), caught.value.code) == (WORDS[name], 128 + number)
    assert signal.getsignal(number) == before


def test_the_second_signal_does_not_disturb_the_clean_up():
    cleaned = []

    def block() -> None:
        try:
            os.kill(os.getpid(), signal.SIGTERM)
        finally:
            os.kill(os.getpid(), signal.SIGHUP)
            os.kill(os.getpid(), signal.SIGTERM)
            cleaned.append(True)

    with pytest.raises(Ended) as caught, ending_signals():
        block()
    assert cleaned == [True]
    assert caught.value.number == signal.SIGTERM


def test_what_is_ignored_stays_ignored():
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)  # as after nohup
    try:
        with ending_signals():
            os.kill(os.getpid(), signal.SIGHUP)
    finally:
        signal.signal(signal.SIGHUP, before)


def test_nothing_is_changed_outside_the_main_thread():
    seen = []

    def block() -> None:
        with ending_signals():
            seen.append(signal.getsignal(signal.SIGTERM))

    thread = threading.Thread(target=block)
    thread.start()
    thread.join()
    assert seen == [signal.getsignal(signal.SIGTERM)]


def test_progress_is_told():
    ended = Ended(signal.SIGINT)
    ended.progress = "3 of 10 images explained"
    assert str(ended) == "interrupted; 3 of 10 images explained"


def process(code: str) -> subprocess.Popen[str]:
    """Runs code that prints 'ready' and then does not end by itself."""
    started = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert started.stdout.readline() == "ready\n"
    return started


# ``{work}`` runs inside a command of onnxcam, beside a temporary file and a temporary folder.
COMMAND = """
import sys, time, hashlib
from pathlib import Path
from onnxcam import cli
from onnxcam.cli import signals
from onnxcam.temporary import temporary_file, temporary_folder
signals.PATIENCE = 0.2
def work(**options):
    with temporary_file(Path({folder!r})), temporary_folder(Path({folder!r})) as inner:
        (inner / "a").touch()
        print("ready", flush=True)
        {work}
import onnxcam.cli.doctor
onnxcam.cli.doctor.run = work
sys.exit(cli.main(["doctor"]))
"""
WAITING = "time.sleep(600)"
# As in a model that never answers: Python's own handlers do not run before this returns.
DEAF = "hashlib.pbkdf2_hmac('sha256', b'', b'', 2**31 - 1)"


@pytest.mark.parametrize("name", WORDS)
@pytest.mark.parametrize("work", [WAITING, DEAF])
def test_a_command_ends_in_one_line_and_leaves_nothing(tmp_path, name, work):
    with process(COMMAND.format(folder=str(tmp_path), work=work)) as started:
        started.send_signal(signal.Signals[name])
        _, told = started.communicate()
    assert started.returncode == 128 + signal.Signals[name]
    assert told == f"onnxcam: {WORDS[name]}\n"
    assert list(tmp_path.iterdir()) == []


def test_patience_is_short_enough_for_service_managers():
    assert signals.PATIENCE <= 5
