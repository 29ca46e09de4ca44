import os
import subprocess
import sys
import time

import pytest

from onnxcam.temporary import remove_leftovers, remove_mine, temporary_file, temporary_folder


def old(path) -> None:
    """As if it had been written a while ago."""
    os.utime(path, (time.time() - 60,) * 2)


def inside(folder) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_file_and_a_folder_are_there_for_the_block(tmp_path):
    with temporary_file(tmp_path) as (path, file), temporary_folder(tmp_path) as folder:
        assert path.is_file()
        assert folder.is_dir()
        assert path.name.startswith(".onnxcam-")
        file.write(b"x")
        (folder / "a").touch()
    assert inside(tmp_path) == []


def test_what_was_renamed_stays(tmp_path):
    with temporary_file(tmp_path) as (path, _file):
        path.replace(tmp_path / "a")
    assert inside(tmp_path) == ["a"]


def test_they_are_gone_after_an_error(tmp_path):
    with pytest.raises(ZeroDivisionError), temporary_folder(tmp_path) as folder:
        (folder / "a").write_text(str(1 // 0))
    assert inside(tmp_path) == []


def test_a_folder_that_cannot_be_written(tmp_path):
    with pytest.raises(FileNotFoundError), temporary_file(tmp_path / "none"):
        pass


KILLED = """
import os, signal, sys
from pathlib import Path
from onnxcam.temporary import temporary_file, temporary_folder
folder = Path(sys.argv[1])
with temporary_file(folder), temporary_folder(folder) as inner:
    (inner / "a").touch()
    print("ready", flush=True)
    if sys.argv[2] == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    sys.stdin.read()
"""


def process(folder, what: str) -> subprocess.Popen:
    command = [sys.executable, "-c", KILLED, str(folder), what]
    started = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert started.stdout.readline() == "ready\n"
    return started


@pytest.mark.skipif(sys.platform == "win32", reason="files cannot be locked there")
def test_what_a_killed_process_left_is_removed_by_the_next(tmp_path):
    with process(tmp_path, "kill") as killed:
        killed.wait()
    assert len(inside(tmp_path)) == 2
    for path in tmp_path.iterdir():
        old(path)
    with temporary_file(tmp_path) as (path, _file):
        assert inside(tmp_path) == [path.name]


@pytest.mark.skipif(sys.platform == "win32", reason="files cannot be locked there")
def test_what_a_living_process_holds_stays(tmp_path):
    with process(tmp_path, "live") as living:
        before = inside(tmp_path)
        for path in tmp_path.iterdir():
            old(path)
        remove_leftovers(tmp_path)
        assert inside(tmp_path) == before
        living.communicate("")
    assert inside(tmp_path) == []


def test_what_is_young_or_not_ours_stays(tmp_path):
    for name in (
        ".onnxcam-notes",
        ".onnxcam-0123456789abcdef.bak",
        ".other-0123456789abcdef",
        "onnxcam-0123456789abcdef",
    ):
        (tmp_path / name).touch()
        old(tmp_path / name)
    (tmp_path / ".onnxcam-0123456789abcdef").touch()
    before = inside(tmp_path)
    remove_leftovers(tmp_path)
    assert inside(tmp_path) == before
    old(tmp_path / ".onnxcam-0123456789abcdef")
    remove_leftovers(tmp_path)
    assert len(inside(tmp_path)) == len(before) - 1


def test_a_pipe_or_a_link_with_our_name_does_no_harm(tmp_path):
    os.mkfifo(tmp_path / ".onnxcam-0123456789abcdef")
    old(tmp_path / ".onnxcam-0123456789abcdef")
    (tmp_path / "kept").mkdir()
    (tmp_path / ".onnxcam-0123456789abcdee").symlink_to(tmp_path / "kept")
    remove_leftovers(tmp_path)
    assert (tmp_path / "kept").is_dir()


def test_those_of_this_process_can_be_removed_at_once(tmp_path):
    with temporary_file(tmp_path), temporary_folder(tmp_path):
        remove_mine()
        assert inside(tmp_path) == []
