import pytest

from onnxcam.render.text import printable


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("tabby, tabby cat", "tabby, tabby cat"),
        ("Größe: 3 µm, 猫", "Größe: 3 µm, 猫"),
        ("  two\n lines\u2028and\ttabs ", "two lines and tabs"),
        ("\x1b[31mred\x07", "�[31mred�"),
        ("cat\u202etac\u2066", "cat�tac�"),
        ("\udc80", "�"),
        ("", ""),
    ],
)
def test_one_line_that_can_be_printed(text, line):
    assert printable(text) == line
    assert printable(text).isprintable()


def test_long_text_is_cut():
    assert printable("abcdef", 4) == "abc…"
    assert printable("abcd", 4) == "abcd"
    assert len(printable("x" * 10**7)) == 200
    assert printable("a" + " " * 10_000 + "b", 4) == "a…"
