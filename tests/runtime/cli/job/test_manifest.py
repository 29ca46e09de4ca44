import hashlib
import json
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
from PIL import Image

from onnxcam import __version__, line_files
from onnxcam.signature import fingerprint

MANIFEST = Path("out/manifest.jsonl")


@pytest.fixture
def photos(request):
    """A folder of three photographs, in the folder where the command runs."""
    request.getfixturevalue("onnxcam")
    Path("photos").mkdir()
    rng = np.random.default_rng(0)
    for name in ("a.png", "b.png", "c.png"):
        Image.fromarray(rng.integers(0, 256, (40, 60, 3), np.uint8)).save(Path("photos") / name)
    return Path("photos")


@pytest.fixture
def explain(onnxcam, model, photos):
    """Explains the folder, into ``out`` unless told otherwise."""

    def run(*options: object, output: str = "out"):
        return onnxcam("explain", photos, "-m", model, "-o", output, *options)

    return run


def lines() -> list[dict]:
    return [json.loads(line) for line in MANIFEST.read_text().splitlines()]


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_a_line_says_what_was_explained_with_what(explain, photos, model, pooled):
    assert explain("-t", "tiger", "-t", -1, "--npz").code == 0
    first = lines()[0]
    explanation = pooled.explain(photos / "a.png", ["tiger", -1])
    assert first["onnxcam"] == __version__
    assert onnxruntime.__version__ in [value for name, value in first.items() if name.startswith("onnxruntime")]
    assert first["path"] == "photos/a.png"
    assert first["source"] == fingerprint(photos / "a.png")
    assert (first["input_sha256"], first["model_sha256"]) == (sha256(photos / "a.png"), sha256(model))
    assert first["options"]["targets"] == ["tiger", "-1"]
    assert first["options"]["methods"] == ["grad-cam", "guided-backprop", "guided-grad-cam"]
    assert [one["index"] for one in first["explained"]] == explanation.class_index.tolist()
    scores = explanation.scores[0, explanation.class_index]
    assert [one["score"] for one in first["explained"]] == pytest.approx(scores.tolist(), rel=1e-5)
    assert first["files"] == ["a.onnxcam.png", "a.onnxcam.npz"]
    assert [line["path"] for line in lines()] == ["photos/a.png", "photos/b.png", "photos/c.png"]


def test_of_subfolders_too(onnxcam, model, photos):
    (photos / "deep").mkdir()
    (photos / "c.png").rename(photos / "deep" / "c.png")
    assert onnxcam("explain", photos, "-r", "-m", model, "-o", "not/there/yet").code == 0
    listed = [json.loads(line)["files"] for line in Path("not/there/yet/manifest.jsonl").read_text().splitlines()]
    assert listed == [["a.onnxcam.png"], ["b.onnxcam.png"], ["deep/c.onnxcam.png"]]


def test_there_is_none_without_a_folder_for_several(onnxcam, model, photos):
    assert onnxcam("explain", photos, "-m", model).code == 0
    assert onnxcam("explain", photos / "a.png", "-m", model, "-o", "alone/").code == 0
    assert list(Path().rglob("manifest.jsonl")) == []


def test_resume_skips_what_is_listed(explain):
    assert explain().code == 0
    before = MANIFEST.read_bytes()
    again = explain("--resume", "--json")
    assert (again.code, again.err) == (0, "onnxcam: 0 of 3 images explained, 3 skipped (already explained)\n")
    assert {json.loads(line)["skipped"] for line in again.out.splitlines()} == {"its explanation exists already"}
    assert MANIFEST.read_bytes() == before
    assert explain().err == "onnxcam: 3 of 3 images explained\n"  # not asked to resume


def change_image(_model: Path) -> None:
    Image.new("RGB", (60, 40)).save("photos/b.png")


def remove_result(_model: Path) -> None:
    Path("out/b.onnxcam.png").unlink()


def change_model(model: Path) -> None:
    model.write_bytes(model.read_bytes() + b"\xa2\x06\x00")  # an unknown field, which readers of protobuf skip


@pytest.mark.parametrize(
    ("change", "options", "explained"),
    [
        (change_image, (), ["b"]),
        (remove_result, (), ["b"]),
        (change_model, (), ["a", "b", "c"]),
        (None, ("-t", "tiger"), ["a", "b", "c"]),
        (None, ("--method", "grad-cam"), ["a", "b", "c"]),
        (None, ("--npz",), ["a", "b", "c"]),
        (None, ("--format", "jpeg"), ["a", "b", "c"]),
        (None, ("--top", 1, "--threads", 1), []),
    ],
)
def test_what_changed_is_explained_again(onnxcam, photos, data, change, options, explained):
    own = Path("m.onnx")
    own.write_bytes((data / "pooled.onnx").read_bytes())
    arguments = ("explain", photos, "-m", own, "-o", "out")
    assert onnxcam(*arguments).code == 0
    if change is not None:
        change(own)
    result = onnxcam(*arguments, "--resume", *options)
    assert result.code == 0
    assert [Path(line.partition(":")[0]).stem for line in result.out.splitlines()] == explained
    assert onnxcam(*arguments, "--resume", *options).out == ""


def test_a_picture_among_the_options_counts_by_its_content(onnxcam, photos):
    Path("like.png").write_bytes((photos / "a.png").read_bytes())
    arguments = ("explain", photos, "-o", "out", "--like", "like.png", "--method", "grad-cam", "--resume")
    assert len(onnxcam(*arguments).out.splitlines()) == 3
    assert onnxcam(*arguments).out == ""
    Path("like.png").write_bytes((photos / "b.png").read_bytes())
    assert len(onnxcam(*arguments).out.splitlines()) == 3


@pytest.mark.parametrize("cut", [1, 5, 60])
def test_a_last_line_that_was_cut_off_is_ignored_and_removed(explain, cut):
    assert explain().code == 0
    whole = MANIFEST.read_bytes()
    MANIFEST.write_bytes(whole[:-cut])
    result = explain("--resume")
    assert (result.code, len(result.out.splitlines())) == (0, 1)
    assert [line["path"] for line in lines()] == ["photos/a.png", "photos/b.png", "photos/c.png"]


def test_a_line_longer_than_a_block_is_removed_as_a_whole(explain):
    assert explain().code == 0
    whole = MANIFEST.read_bytes()
    MANIFEST.write_bytes(whole + b'{"onnxcam": "' + b"x" * 200_000)
    assert explain("--resume").out == ""
    assert MANIFEST.read_bytes() == whole


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"a note", "it begins otherwise"),
        (b"a note\n", "line 1 is not a line of one"),
        (b'{"path": "x"}\n', "line 1"),
        (b"[1]\n", "line 1"),
        (b"[" * 100_000 + b"\n", "line 1"),
        (b"\xff\xfe\n", "line 1"),
    ],
)
def test_a_file_that_is_no_manifest_is_refused_and_kept(explain, content, why):
    Path("out").mkdir()
    MANIFEST.write_bytes(content)
    for options in ((), ("--resume",)):
        sentence = explain(*options).sentence
        assert "out/manifest.jsonl is not a manifest of onnxcam" in sentence
        assert why in sentence
    assert MANIFEST.read_bytes() == content


def test_a_foreign_line_among_ours_is_named(explain):
    assert explain().code == 0
    with MANIFEST.open("a") as file:
        file.write("a note\n")
    assert "(line 4 is not a line of one); move it away, or name another folder" in explain("--resume").sentence


def test_a_manifest_that_cannot_be_written(explain):
    MANIFEST.mkdir(parents=True)
    assert "it is a folder" in explain().sentence


def test_resume_needs_a_folder_of_its_own(onnxcam, model, photos):
    for output in ((), ("-o", "out.png")):
        sentence = onnxcam("explain", photos / "a.png", "-m", model, "--resume", *output).sentence
        assert "name it with -o FOLDER" in sentence


def test_results_are_not_explained_even_under_other_names(onnxcam, model, photos):
    assert onnxcam("explain", photos / "a.png", "-m", model, "-o", photos / "mine.jpg").code == 0
    assert onnxcam("explain", photos, "-m", model, "-o", photos).code == 0
    (photos / "a.onnxcam.png").rename(photos / "renamed.png")
    result = onnxcam("explain", photos, "-m", model, "-o", photos, "--json")
    assert result.code == 0
    assert [json.loads(line).get("skipped") for line in result.out.splitlines()] == [
        *(None, None, None),
        *["it is a result of onnxcam"] * 2,
    ]
    assert result.err.splitlines() == [
        "onnxcam: left out in photos: results of onnxcam (3)",
        "onnxcam: 3 of 5 images explained, 2 left out (results of onnxcam)",
    ]
    assert onnxcam("explain", photos / "mine.jpg", "-m", model).code == 0  # the user's word counts


def test_a_full_disk_leaves_no_part_of_a_line(explain, monkeypatch):
    def write_a_part(self: line_files.LineFile, line: bytes) -> None:
        assert self._file.write(line[:50]) == 50
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(line_files.LineFile, "_write", write_a_part)
    result = explain()
    assert result.code == 2
    assert "cannot write out/manifest.jsonl: No space left on device" in result.err
    assert MANIFEST.read_bytes() == b""
