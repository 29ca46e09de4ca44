import os
import socket
import stat

import pytest

from onnxcam.errors import OutputError
from onnxcam.files import check_is_no_source, check_writable, identities, make_folder, mode_of, replacing


def test_the_file_appears_whole(tmp_path):
    path = tmp_path / "out.bin"
    path.write_bytes(b"old")
    with replacing(path) as file:
        file.write(b"new")
        assert path.read_bytes() == b"old"
    assert path.read_bytes() == b"new"
    assert list(tmp_path.iterdir()) == [path]


def test_an_error_leaves_what_was_there(tmp_path):
    path = tmp_path / "out.bin"
    path.write_bytes(b"old")
    with pytest.raises(ZeroDivisionError), replacing(path) as file:
        file.write(bytes([1 // 0]))
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_full_disk_is_said(tmp_path):
    with pytest.raises(OutputError, match=r"cannot write .*out\.bin: No space left"), replacing(tmp_path / "out.bin"):
        raise OSError(28, "No space left on device")
    assert list(tmp_path.iterdir()) == []


def test_the_mode_is_that_of_any_new_file(tmp_path):
    with replacing(tmp_path / "a"):
        pass
    (tmp_path / "b").touch()
    modes = [stat.S_IMODE((tmp_path / name).stat().st_mode) for name in "ab"]
    assert modes[0] == modes[1]


def test_places_that_cannot_be_written(tmp_path, monkeypatch):
    with pytest.raises(OutputError, match="it is a folder"):
        check_writable(tmp_path)
    with pytest.raises(OutputError, match=r"the folder .*none does not exist"):
        check_writable(tmp_path / "none" / "out.png")
    monkeypatch.setattr(os, "access", lambda *_: False)  # root may write anywhere
    with pytest.raises(OutputError, match="is not writable"):
        check_writable(tmp_path / "out.png")


def test_a_file_that_is_read_only_is_left_alone(tmp_path):
    path = tmp_path / "out.png"
    path.write_bytes(b"kept")
    path.chmod(0o444)
    with pytest.raises(OutputError, match=r"cannot write .*out\.png: it is read-only"), replacing(path) as file:
        file.write(b"new")
    assert path.read_bytes() == b"kept"


@pytest.mark.parametrize("kind", ["pipe", "socket", "device"])
def test_what_is_no_plain_file_is_left_alone(tmp_path, monkeypatch, kind):
    monkeypatch.chdir(tmp_path)  # the path of a socket is short
    path = "/dev/null" if kind == "device" else "out.png"
    with socket.socket(socket.AF_UNIX) as server:
        os.mkfifo(path) if kind == "pipe" else server.bind(path) if kind == "socket" else None
        path = tmp_path / path
        before = path.lstat()
        with pytest.raises(OutputError, match="it is a device, a pipe or a socket"), replacing(path):
            pytest.fail("it was opened")
        assert path.lstat().st_ino == before.st_ino


@pytest.mark.parametrize("goal", ["goal", "missing", "loop"])
def test_a_link_is_replaced_and_its_goal_left_alone(tmp_path, goal):
    (tmp_path / "goal").write_bytes(b"kept")
    link = tmp_path / "loop"
    link.symlink_to(tmp_path / goal)
    with replacing(link) as file:
        file.write(b"new")
    assert (link.read_bytes(), link.is_symlink()) == (b"new", False)
    assert (tmp_path / "goal").read_bytes() == b"kept"


@pytest.mark.parametrize(
    ("name", "words"), [("x" * 256, "File name too long"), ("x" * 5000, "File name too long"), ("a\0b", "null")]
)
def test_names_that_the_system_does_not_allow(tmp_path, name, words):
    for act in (check_writable, lambda path: make_folder(path / "deeper")):
        with pytest.raises(OutputError, match=words):
            act(tmp_path / name)


def test_a_name_as_long_as_the_system_allows_is_written(tmp_path):
    path = tmp_path / ("x" * 255)
    with replacing(path) as file:
        file.write(b"x")
    assert path.read_bytes() == b"x"


def test_a_folder_that_may_not_be_entered(tmp_path, monkeypatch):
    def denied(_self: object, **_options: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("pathlib.Path.stat", denied)  # root may enter anywhere
    with pytest.raises(OutputError, match=r"out\.png: Permission denied"):
        check_writable(tmp_path / "out.png")
    assert mode_of(tmp_path) == 0
    assert identities([tmp_path]) == {}


def test_a_file_that_is_read_is_not_written(tmp_path):
    photograph, other = tmp_path / "photo.jpg", tmp_path / "other.jpg"
    photograph.touch()
    other.touch()
    (tmp_path / "link.jpg").symlink_to(photograph)
    (tmp_path / "hard.jpg").hardlink_to(photograph)
    sources = identities([tmp_path / "missing.jpg", photograph])
    for name in ("photo.jpg", "link.jpg", "hard.jpg", "../" + tmp_path.name + "/photo.jpg"):
        with pytest.raises(OutputError, match=rf"it is {photograph}, which is read"):
            check_is_no_source(tmp_path / name, sources)
    for name in ("other.jpg", "missing.jpg"):
        check_is_no_source(tmp_path / name, sources)


def test_folders_are_made(tmp_path):
    make_folder(tmp_path / "a" / "b")
    make_folder(tmp_path / "a" / "b")
    assert (tmp_path / "a" / "b").is_dir()
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match=r"cannot make the folder .*file: File exists"):
        make_folder(tmp_path / "file")
