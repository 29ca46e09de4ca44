from onnxcam.triton.configuration import Configuration, Entry, quoted


def test_a_configuration_that_joins_requests():
    rows = Entry("onnxcam.target", "TYPE_INT64", (1,), reshape=())
    scores = Entry("scores/0", "TYPE_FP32", (5,), labels="labels.txt")
    assert Configuration("m", "remark", 8, [rows], [scores]).text == (
        "# Written by onnxcam: remark\n"
        'name: "m"\n'
        'backend: "onnxruntime"\n'
        "max_batch_size: 8\n"
        "dynamic_batching { }\n"
        "input {\n"
        '  name: "onnxcam.target"\n'
        "  data_type: TYPE_INT64\n"
        "  dims: [1]\n"
        "  reshape { shape: [] }\n"
        "}\n"
        "output {\n"
        '  name: "scores/0"\n'
        "  data_type: TYPE_FP32\n"
        "  dims: [5]\n"
        '  label_filename: "labels.txt"\n'
        "}\n"
    )


def test_without_a_batch_there_is_no_dynamic_batching():
    level = Entry("onnxcam.level", "TYPE_INT64", (1,), optional=True)
    text = Configuration("m", "remark", 0, [level], []).text
    assert "max_batch_size: 0\n" in text
    assert "dynamic_batching" not in text
    assert "  optional: true\n" in text


def test_quotes_and_backslashes_are_escaped_and_letters_are_kept():
    assert quoted('a"b\\c größe') == '"a\\"b\\\\c größe"'
