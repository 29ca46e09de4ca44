import pytest

from onnxcam.errors import EvaluationError, OutputError
from onnxcam.evaluation.records import Key, Measured, Record, Records

KEY = Key("image", "model", "settings")
RECORD = Record(KEY, "dog.jpg", 3, "boxer", 0.75, None, {"grad-cam": Measured({"deletion": 0.25}, [1, 0.5], [0, 1])})


def test_a_record_is_found_again(tmp_path):
    path = tmp_path / "results.jsonl"
    Records(path).add(RECORD)
    assert Records(path).get(KEY, ["grad-cam"]) == RECORD
    assert Records(path).get(KEY, ["grad-cam", "cam"]) is None
    assert Records(path).get(Key("another", "model", "settings"), ["grad-cam"]) is None
    assert path.read_text().count("\n") == 1


def test_a_line_that_was_cut_off_is_ignored_and_removed(tmp_path):
    path = tmp_path / "results.jsonl"
    records = Records(path)
    records.add(RECORD)
    other = Key("other", "model", "settings")
    line = path.read_bytes()
    path.write_bytes(line + line[: len(line) // 2])
    again = Records(path)
    assert again.get(KEY, ["grad-cam"]) == RECORD
    again.add(Record(other, "cat.jpg", 1, "cat", 0.5, 0.25, {}))
    last = Records(path)
    assert last.get(KEY, []) == RECORD
    assert last.get(other, []).region == 0.25
    path.write_bytes(line[: len(line) // 2])  # killed at the first image
    assert Records(path).get(KEY, []) is None


def test_another_file_is_not_appended_to(tmp_path):
    path = tmp_path / "results.jsonl"
    path.write_text('{"mine": 1}\n')
    with pytest.raises(EvaluationError, match=r"line 1 of .* is no result of 'onnxcam evaluate'"):
        Records(path)
    path.write_text("a note without an end")
    with pytest.raises(
        EvaluationError, match=r"line 1 of .* is no result of 'onnxcam evaluate' \(it begins otherwise\)"
    ):
        Records(path)
    assert path.read_text() == "a note without an end"
    with pytest.raises(EvaluationError, match="cannot read"):
        Records(tmp_path)


def test_a_file_that_cannot_be_written_is_an_error(tmp_path):
    with pytest.raises(OutputError, match="cannot write"):
        Records(tmp_path / "none" / "results.jsonl").add(RECORD)
