import pytest

from onnxcam.errors import OutputError
from onnxcam.line_files import LineFile, begins_with, whole_lines


def test_what_is_added_is_read(tmp_path):
    path = tmp_path / "file"
    assert list(whole_lines(path)) == []
    for line in (b"one", b"two"):
        with LineFile(path) as file:
            file.add(line)
    assert list(whole_lines(path)) == [(1, b"one\n"), (2, b"two\n")]


@pytest.mark.parametrize("rest", [b"tw", b"x" * 200_000])
@pytest.mark.parametrize("before", [b"", b"one\n", b"one\n" * 50_000])
def test_a_line_that_was_cut_off_is_left_out_and_then_removed(tmp_path, before, rest):
    path = tmp_path / "file"
    path.write_bytes(before + rest)
    assert b"".join(line for _, line in whole_lines(path)) == before
    with LineFile(path) as file:
        file.add(b"three")
    assert path.read_bytes() == before + b"three\n"


@pytest.mark.parametrize(("content", "expected"), [(b"", True), (b"ke", True), (b"key: 1", True), (b"no", False)])
def test_a_start_may_be_cut_off(tmp_path, content, expected):
    path = tmp_path / "file"
    assert begins_with(path, b"key: ")
    path.write_bytes(content)
    assert begins_with(path, b"key: ") is expected


def test_a_file_that_cannot_be_opened_is_an_error(tmp_path):
    with pytest.raises(OutputError, match=r"cannot write .*: No such file or directory"):
        LineFile(tmp_path / "none" / "file")
