import pytest

from onnxcam.cli.text import printable


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Köln, 東京 😀", "Köln, 東京 😀"),
        ("\x1b[31mred\x1b]0;title\x07", r"\x1b[31mred\x1b]0;title\x07"),
        ("a\nverified\r\tb\0", r"a\x0averified\x0d\x09b\x00"),
        ("\x7f\x80\x9b", r"\x7f\x80\x9b"),
        ("\u202eevil\u202c\u2066x\u2069\u200e\u200f", r"\u202eevil\u202c\u2066x\u2069\u200e\u200f"),
        ("a\udcffb\ud800", r"a\udcffb\ud800"),
    ],
)
def test_what_could_steer_the_terminal_is_escaped(text, shown):
    assert printable(text) == shown
    assert printable(text).encode()


def test_every_control_character_is_escaped():
    controls = [*map(chr, range(0x20)), *map(chr, range(0x7F, 0xA0))]
    assert all(printable(character).isascii() and printable(character).isprintable() for character in controls)
