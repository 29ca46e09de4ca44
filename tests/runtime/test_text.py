import pytest

from onnxcam.text import listed, printable, shortened


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("tiger cat, 5 °C", "tiger cat, 5 °C"),
        ("\x1b]0;title\x07", r"\x1b]0;title\x07"),
        ("a\nverified\r\t", r"a\nverified\r\t"),
        ("\x9b2J\x85\u2028", r"\x9b2J\x85\u2028"),
        ("a\u202egpj.exe", r"a\u202egpj.exe"),
        ("\ud800", r"\ud800"),
        ("日本\u3000語 क्\u200dष", "日本\u3000語 क्\u200dष"),
    ],
)
def test_only_what_is_visible_is_shown_as_it_is(text, shown):
    assert printable(text) == shown
    printable(text).encode()


def test_long_text_is_cut_off():
    assert shortened("x" * 300) == "x" * 300
    assert shortened("\n" * 10**6, 2) == r"\n\n…"


def test_long_lists_say_how_much_is_missing():
    assert listed(["a", "b\n"]) == r"a, b\n"
    assert listed(map(str, range(10**5)), 3) == "0, 1, 2 and 99997 more"
