import json

import pytest

import json_mutation
import subjects
from onnxcam.errors import OnnxCamError


@pytest.fixture(autouse=True)
def _pixels(monkeypatch, tmp_path):
    monkeypatch.setattr("PIL.Image.MAX_IMAGE_PIXELS", subjects.MOST_PIXELS)
    monkeypatch.chdir(tmp_path)


CASES = [(name, number) for name in subjects.SUBJECTS for number in range(len(subjects.seeds(name)))]


@pytest.mark.parametrize(("name", "number"), CASES)
def test_seeds_are_sound_and_what_is_cut_off_ends_in_one_line(name, number):
    content = subjects.seeds(name)[number]
    subjects.SUBJECTS[name](content)
    for length in range(0, len(content), max(1, len(content) // 20)):
        subjects.run(name, content[:length])


class TwoLinesError(OnnxCamError):
    def __str__(self) -> str:
        return "two\nlines"


@pytest.mark.parametrize("error", [ValueError("x"), TwoLinesError(), OnnxCamError("")])
def test_what_is_no_sentence_is_found(monkeypatch, error):
    def fail(_content: bytes) -> None:
        raise error

    monkeypatch.setitem(subjects.SUBJECTS, "picture", fail)
    with pytest.raises((ValueError, subjects.FindingError)):
        subjects.run("picture", b"")


def test_json_is_changed_at_one_place_and_the_same_way_for_a_seed():
    content = json.dumps({"a": [1, {"b": "text"}], "c": 0.5}).encode()
    changed = {json_mutation.mutate(content, seed) for seed in range(300)}
    assert json_mutation.mutate(content, 7) == json_mutation.mutate(content, 7)
    assert len(changed) > 50
    assert all(isinstance(json.loads(one), dict) for one in changed)
    assert json_mutation.mutate(b"{", 0) is json_mutation.mutate(b"3", 0) is None
