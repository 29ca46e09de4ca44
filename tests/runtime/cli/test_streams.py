import io
import subprocess
import sys
from pathlib import Path

import pytest

from onnxcam.cli.streams import standard_streams
from onnxcam.errors import OutputError

FULL = pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no full device")


def run(shell: str, *arguments: object) -> subprocess.CompletedProcess[str]:
    """Runs the command with the redirections of a shell."""
    command = ["sh", "-c", f'"$@" {shell}', "sh", sys.executable, "-m", "onnxcam", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@FULL
@pytest.mark.parametrize("command", ["explain", "inspect"])
def test_a_full_output_is_said(model, picture, tmp_path, command):
    arguments = (
        ("explain", picture, "-m", model, "-o", tmp_path / "out.png") if command == "explain" else ("inspect", model)
    )
    result = run("> /dev/full", *arguments)
    assert result.returncode == 2
    assert result.stderr == "onnxcam: cannot write to the standard output: No space left on device\n"


@FULL
def test_a_full_error_output_changes_no_exit_code():
    assert run("2> /dev/full", "inspect", "missing.onnx").returncode == 2


@pytest.mark.parametrize("closed", [">&-", "2>&-", "<&-", "<&- >&- 2>&-"])
def test_closed_streams_do_no_harm(model, picture, tmp_path, closed):
    result = run(closed, "explain", picture, "-m", model, "-o", tmp_path / "out.png")
    assert (result.returncode, result.stderr) == (0, "")
    assert (tmp_path / "out.png").read_bytes().startswith(b"\x89PNG")
    assert ("saved" in result.stdout) == (">&-" not in closed.replace("2>&-", ""))


def test_a_reader_that_has_gone_is_no_error(model):
    result = run("| head -c 1; exit ${PIPESTATUS:-0}", "inspect", model, "--json")
    assert (result.stdout, result.stderr) == ("{", "")


def test_what_the_encoding_lacks_is_escaped(monkeypatch):
    written = io.TextIOWrapper(io.BytesIO(), "ascii")
    monkeypatch.setattr(sys, "stdout", written)
    with standard_streams():
        sys.stdout.write("Köln \udcff")
    assert written.buffer.getvalue() == rb"K\xf6ln \udcff"


def test_an_error_about_a_file_is_not_taken_for_one_of_the_output():
    with pytest.raises(FileNotFoundError), standard_streams():
        Path("missing").read_text(encoding="utf-8")


def test_other_errors_pass():
    with pytest.raises(OutputError, match="x"), standard_streams():
        raise OutputError("x")
