"""Jobs of many pictures, and pictures that are not what they should be."""

import json
import os
import signal
import warnings
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from onnxcam import Explainer
from onnxcam.files import replacing
from onnxcam.photograph.opening import Picture


def here() -> set[str]:
    return {path.name for path in Path().iterdir()}


@pytest.fixture
def photos(request, picture):
    """A folder of three photographs."""
    request.getfixturevalue("onnxcam")  # in its folder
    Path("photos").mkdir()
    for name in ("a.png", "b.png", "c.png"):
        Image.open(picture).save(Path("photos") / name)
    return Path("photos")


def explained(result) -> list[str]:
    """The names of the pictures that have a line."""
    return [Path(line.partition(": ")[0]).name for line in result.out.splitlines()]


def test_a_photograph_outlives_its_explanation(onnxcam, model, picture):
    before = picture.read_bytes()
    for output in (picture, picture.parent / "here" / ".." / picture.name):
        assert "which is read; name another file" in onnxcam("explain", picture, "-m", model, "-o", output).sentence
    assert picture.read_bytes() == before


def test_the_model_outlives_it_too(onnxcam, model, picture):
    Path("m.png").write_bytes(model.read_bytes())
    assert "it is m.png, which is read" in onnxcam("explain", picture, "-m", "m.png", "-o", "m.png").sentence
    assert Path("m.png").read_bytes() == model.read_bytes()


def test_a_folder_goes_to_a_folder_that_is_made(onnxcam, model, photos):
    result = onnxcam("explain", f"{photos}/", "-m", model, "-o", "explained/", "--json")
    assert result.code == 0
    assert [json.loads(line)["outputs"] for line in result.out.splitlines()] == [
        [f"explained/{name}.onnxcam.png"] for name in "abc"
    ]
    assert result.err == "onnxcam: 3 of 3 images explained\n"


def test_what_a_search_leaves_out_is_told_once(onnxcam, model, photos):
    (photos / "notes.txt").touch()
    (photos / "._a.png").touch()
    result = onnxcam("explain", "photos", "-m", model)
    assert result.code == 0
    assert result.err.splitlines() == [
        "onnxcam: left out in photos: .txt (1), hidden ones (1)",
        "onnxcam: 3 of 3 images explained",
    ]


def test_subfolders_on_request(onnxcam, model, photos):
    (photos / "deep").mkdir()
    (photos / "a.png").rename(photos / "deep" / "a.png")
    assert onnxcam("explain", "photos", "-m", model, "-r", "-o", "out").code == 0
    assert Path("out/deep/a.onnxcam.png").exists()


@pytest.mark.parametrize("error", [MemoryError(), ZeroDivisionError("x"), RecursionError(), OSError(5, "I/O error")])
def test_a_job_goes_on_past_any_failure_of_one_picture(onnxcam, model, photos, monkeypatch, error):
    explain = Explainer.explain

    def fail_for_the_black_one(self: Explainer, picture: Picture, *arguments: object, **options: object):
        if not np.asarray(picture.image).any():
            raise error
        return explain(self, picture, *arguments, **options)

    Image.new("RGB", (60, 40)).save(photos / "a.png")
    monkeypatch.setattr(Explainer, "explain", fail_for_the_black_one)
    result = onnxcam("explain", photos, "-m", model)
    assert result.code == 2
    assert explained(result) == ["b.png", "c.png"]
    reasons = {MemoryError: "it takes more memory than there is", OSError: "I/O error"}
    first, last = result.err.splitlines()
    reason = reasons.get(type(error), f"{type(error).__name__}: {error}")
    assert first == f"onnxcam: cannot explain photos/a.png: {reason}"
    assert last == "onnxcam: 2 of 3 images explained, 1 failed"


def test_a_fault_of_ours_in_the_only_picture_is_not_hidden(onnxcam, model, picture, monkeypatch):
    monkeypatch.setattr(Explainer, "explain", lambda *_arguments, **_options: 1 // 0)
    with pytest.raises(ZeroDivisionError):
        onnxcam("explain", picture, "-m", model)


def test_a_picture_with_too_long_a_name_and_a_sliver_stop_nobody(onnxcam, model, photos):
    (photos / "a.png").rename(photos / f"{'a' * 249}.png")
    Image.new("1", (1, 20_000)).save(photos / "b.png")
    result = onnxcam("explain", photos, "-m", model)
    assert result.code == 2
    assert explained(result) == ["c.png"]
    assert "File name too long" in result.err
    assert "more than 256 times as long as wide" in result.err


def test_what_is_the_same_for_all_pictures_is_told_once(onnxcam, model, photos):
    assert "there is no class 'zebra'" in onnxcam("explain", photos, "-m", model, "-t", "zebra").sentence


def test_what_somebody_else_made_stops_nobody(onnxcam, model, photos):
    Path("out").mkdir()
    Path("out/b.onnxcam.png").write_text("a note")
    assert onnxcam("explain", photos, "-m", model, "-o", "out").code == 0
    assert {path.name for path in Path("out").iterdir()} >= {"a.onnxcam.png", "b-2.onnxcam.png", "c.onnxcam.png"}
    assert Path("out/b.onnxcam.png").read_text() == "a note"


def test_no_clobber_skips_what_is_explained(onnxcam, model, photos):
    assert onnxcam("explain", photos / "b.png", "-m", model).code == 0
    before = Path("b.onnxcam.png").stat().st_mtime_ns
    result = onnxcam("explain", photos, "-m", model, "--no-clobber", "--json")
    assert result.code == 0
    assert json.loads(result.out.splitlines()[1]) == {
        "path": "photos/b.png",
        "skipped": "its explanation exists already",
    }
    assert result.err == "onnxcam: 2 of 3 images explained, 1 skipped (already explained)\n"
    assert Path("b.onnxcam.png").stat().st_mtime_ns == before
    alone = onnxcam("explain", photos / "b.png", "-m", model, "-n")
    assert (alone.code, alone.out) == (0, "")
    assert alone.err == "onnxcam: photos/b.png is skipped: its explanation exists already\n"


def test_an_interrupted_job_tells_how_far_it_came_and_leaves_nothing_behind(onnxcam, model, photos, monkeypatch):
    def interrupt_second(path: Path):
        if path.name == "b.onnxcam.png":
            os.kill(os.getpid(), signal.SIGINT)
        return replacing(path)

    monkeypatch.setattr("onnxcam.cli.explain.replacing", interrupt_second)
    result = onnxcam("explain", photos, "-m", model)
    assert (result.code, result.err) == (130, "onnxcam: interrupted; 1 of 3 images explained\n")
    assert here() == {"photos", "a.onnxcam.png"}


@pytest.mark.parametrize(("name", "ending"), [("jpeg", "jpg"), ("webp", "webp"), ("png", "png")])
def test_pictures_of_another_format(onnxcam, model, photos, name, ending):
    assert onnxcam("explain", photos, "-m", model, "--format", name).code == 0
    assert here() == {"photos", *(f"{stem}.onnxcam.{ending}" for stem in "abc")}
    with Image.open(f"a.onnxcam.{ending}") as image:
        assert image.format == name.upper()


@pytest.mark.parametrize("threads", [1, 2])
def test_lines_and_results_do_not_depend_on_the_workers(onnxcam, model, photos, monkeypatch, threads):
    rng = np.random.default_rng(0)
    for number in range(20):
        height = 20 + 100 * (number % 3)
        Image.fromarray(rng.integers(0, 256, (height, 30, 3), np.uint8)).save(photos / f"{number:02}.png")
    (photos / "05.png").write_bytes(b"no picture")
    monkeypatch.setattr("onnxcam.cli.explain.processors", lambda: 2)
    result = onnxcam("explain", photos, "-m", model, "--threads", threads, "-o", "out", "--json")
    told = [json.loads(line) for line in result.out.splitlines()]
    assert [Path(line["path"]).name for line in told] == sorted(path.name for path in photos.iterdir())
    assert "not an image" in told[5]["error"]
    explainer = Explainer(model, threads=1)
    for line in told[:5]:
        expected = explainer.explain(line["path"])
        assert line["classes"][0]["score"] == pytest.approx(float(expected.scores.max()), rel=1e-5)
        assert line["explained"][0]["methods"]["grad-cam"]["mean"] == pytest.approx(
            float(expected.grad_cam().mean()), rel=1e-4
        )


def test_the_standard_input_is_a_picture(onnxcam, model, picture, monkeypatch):
    with picture.open() as stream:
        monkeypatch.setattr("sys.stdin", stream)
        result = onnxcam("explain", "-", "-m", model, "--json")
    assert (result.code, json.loads(result.out)["outputs"]) == (0, ["stdin.onnxcam.png"])
    with Path(os.devnull).open() as stream:
        monkeypatch.setattr("sys.stdin", stream)
        assert "the standard input is empty" in onnxcam("explain", "-", "-m", model).sentence


def test_of_an_animation_the_first_frame_is_explained_and_that_is_said(onnxcam, model, picture):
    image = Image.open(picture)
    image.save("a.gif", save_all=True, append_images=[image.rotate(90)])
    note = "it has several frames or pages; only the first is explained"
    assert onnxcam("explain", "a.gif", "-m", model).err == f"onnxcam: a.gif: {note}\n"
    assert json.loads(onnxcam("explain", "a.gif", "-m", model, "--json").out)["notes"] == [note]


def test_more_pixels_on_request(onnxcam, model, picture):
    limit = Image.MAX_IMAGE_PIXELS
    refusal = onnxcam("explain", picture, "-m", model, "--max-pixels", 2399).sentence
    assert "60 by 40 pixels are more than the limit of 2,399; if you trust the image, raise the limit" in refusal
    assert onnxcam("explain", picture, "-m", model, "--max-pixels", 2400).code == 0
    assert limit == Image.MAX_IMAGE_PIXELS


def test_pillow_s_warnings_do_not_reach_the_terminal(onnxcam, model, picture, monkeypatch):
    explain = Explainer.explain

    def warn(self: Explainer, *arguments: object, **options: object):
        warnings.warn("Corrupt EXIF data", UserWarning, stacklevel=1)
        return explain(self, *arguments, **options)

    monkeypatch.setattr(Explainer, "explain", warn)
    assert onnxcam("explain", picture, "-m", model).err == ""


def test_numbers_that_are_not_finite_are_null_and_that_is_said(onnxcam, model, picture, monkeypatch):
    explain = Explainer.explain

    def spoil(self: Explainer, *arguments: object, **options: object):
        explanation = explain(self, *arguments, **options)
        explanation.scores[0, :2] = np.nan, np.inf
        explanation.guided[:] = -np.inf
        return explanation

    monkeypatch.setattr(Explainer, "explain", spoil)
    monkeypatch.setattr("onnxcam.cli.job.one_image.encode", lambda *_: b"")  # what it draws of it is not the point
    record = json.loads(onnxcam("explain", picture, "-m", model, "--json").out, parse_constant=pytest.fail)
    assert record["notes"] == ["its scores are not finite, so they say nothing"]
    assert record["explained"][0]["methods"]["guided-backprop"]["minimum"] is None
    assert {item["score"] for item in record["classes"]} >= {None}
    assert "its scores are not finite" in onnxcam("explain", picture, "-m", model).err


EVIL = "\x1b]0;title\x07\u202e\udcff"


@pytest.mark.parametrize("form", ["table", "line", "json"])
def test_names_and_labels_cannot_steer_the_terminal(onnxcam, rewritten, picture, tmp_path, form):
    labels = tuple(f"{EVIL[:-1]}{number}" for number in range(5))
    (tmp_path / "m.onnx").write_bytes(rewritten("pooled", labels=labels))
    evil = Path(f"{EVIL}.png")
    evil.write_bytes(picture.read_bytes())
    more = {"table": [], "line": [picture], "json": ["--json"]}[form]
    result = onnxcam("explain", evil, *more, "-m", tmp_path / "m.onnx", "-t", 1)
    assert result.code == 0
    assert not set(EVIL[-2:] + "\x1b\x07") & set(result.out)
    if form == "json":
        assert json.loads(result.out)["path"] == str(evil)
        assert result.out.isascii()
