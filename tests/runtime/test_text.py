import pytest

from onnxcam.text import listed, one_line, printable, shortened, shown


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
    assert one_line(text) == line
    assert one_line(text).isprintable()


def test_joined_letters_stay_joined():
    assert one_line("क्\u200dष  語") == "क्\u200dष 語"


def test_long_lines_are_cut():
    assert one_line("abcdef", 4) == "abc…"
    assert one_line("abcd", 4) == "abcd"
    assert len(one_line("x" * 10**7)) == 200
    assert one_line("a" + " " * 10_000 + "b", 4) == "a…"


def test_long_text_is_cut_off():
    assert shortened("x" * 300) == "x" * 300
    assert shortened("\n" * 10**6, 2) == r"\n\n…"


def test_long_lists_say_how_much_is_missing():
    assert listed(["a", "b\n"]) == r"a, b\n"
    assert listed(map(str, range(10**5)), 3) == "0, 1, 2 and 99997 more"


def test_any_value_can_be_shown():
    assert shown({"a": "b\n"}) == r"{'a': 'b\n'}"
    assert shown("x" * 200) == "'" + "x" * 99 + "…"
    nested: list[object] = []
    for _ in range(100_000):
        nested = [nested]
    assert shown(nested) == "a list"
    assert shown(10**5000) == "a int"
