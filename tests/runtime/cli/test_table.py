from onnxcam.cli.table import table


def test_columns_are_aligned():
    assert table(("name", "size"), [("a", "1"), ("long name", "1000")], right="size") == (
        "name       size\na             1\nlong name  1000"
    )


def test_no_titles_no_header_and_no_trailing_spaces():
    assert table(("", ""), [("a", ""), ("bb", "c")]) == "a\nbb  c"
