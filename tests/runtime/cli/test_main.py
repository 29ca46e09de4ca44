import subprocess
import sys

import pytest
import typer

from onnxcam import __version__, cli
from onnxcam.errors import ExportError, ModelError, VerificationError


def test_version_and_help(onnxcam):
    assert onnxcam("--version").out == f"onnxcam {__version__}\n"
    for arguments in ((), ("--help",), ("-h",)):
        result = onnxcam(*arguments)
        assert result.code == 0
        for command in ("explain", "inspect", "verify", "doctor", "export", "layers"):
            assert command in result.out
    for command in ("explain", "inspect", "verify", "doctor"):
        assert onnxcam(command, "--help").code == 0


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("explain",), "Missing argument"),
        (("explian",), "No such command 'explian'"),
        (("explain", "a.png", "--metod", "cam"), "No such option: --metod"),
        (("explain", "a.png", "--method", "lime"), "Invalid value for '--method': 'lime' is not one of 'all', "),
        (("explain", "a.png", "--threads", "0"), "--threads"),
        (("explain", "a.png", "--threads", "many"), "--threads"),
        (("inspect", "a.onnx", "b.onnx"), "unexpected extra argument"),
    ],
)
def test_wrong_usage_is_one_line_that_names_the_help(onnxcam, arguments, words):
    result = onnxcam(*arguments)
    assert result.code == 2
    assert result.out == ""
    assert result.err.startswith("onnxcam: ")
    assert result.err.count("\n") == 1
    assert words in result.err
    assert "--help'" in result.err


@pytest.mark.parametrize(
    ("error", "code", "printed"),
    [
        (ModelError("this and that"), 2, "onnxcam: this and that\n"),
        (ExportError("no rule"), 2, "onnxcam: no rule\n"),
        (VerificationError("differs"), 1, "onnxcam: differs\n"),
        (KeyboardInterrupt(), 130, ""),
        (typer.Abort(), 130, ""),
        (typer.Exit(7), 7, ""),
    ],
)
def test_each_error_has_its_exit_code(onnxcam, monkeypatch, error, code, printed):
    def fail(**_options: object) -> None:
        raise error

    monkeypatch.setattr("onnxcam.cli.doctor.run", fail)
    result = onnxcam("doctor")
    assert (result.code, result.err) == (code, printed)


def test_a_fault_of_our_own_is_not_hidden(onnxcam, monkeypatch):
    def fail(**_options: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr("onnxcam.cli.doctor.run", fail)
    with pytest.raises(ZeroDivisionError):
        onnxcam("doctor")


def test_as_a_process(data):
    command = [sys.executable, "-m", "onnxcam", "inspect", str(data / "missing.onnx")]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.returncode == 2
    assert result.stdout == ""
    assert result.stderr == f"onnxcam: there is no model {data / 'missing.onnx'}\n"


def test_a_reader_that_has_gone_is_no_error(data):
    code = (
        f"import sys; from onnxcam.cli import main; sys.exit(main(['inspect', {str(data / 'toy.onnx')!r}, '--json']))"
    )
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    process.stdout.close()
    assert process.stderr.read() == b""
    process.stderr.close()
    process.wait()


def test_the_exit_codes_are_the_documented_ones():
    assert (cli.FAILED, cli.USAGE, cli.INTERRUPTED) == (1, 2, 130)
