import sys

import pytest

from onnxcam.cli.progress import progress


def steps(total: int) -> None:
    with progress(total, "explaining") as advance:
        for _ in range(total):
            advance()


@pytest.mark.parametrize("total", [0, 1, 5])
def test_nothing_is_shown_where_there_is_no_terminal(total, capsys):
    steps(total)
    assert capsys.readouterr() == ("", "")


def test_a_terminal_shows_it_for_more_than_one(monkeypatch, capsys):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    monkeypatch.setenv("TERM", "xterm")
    steps(1)
    assert capsys.readouterr() == ("", "")
    steps(3)
    shown = capsys.readouterr()
    assert shown.out == ""
    assert "explaining" in shown.err
    assert "3/3" in shown.err
