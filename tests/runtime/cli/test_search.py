import os
from pathlib import Path

import pytest

from onnxcam.cli.search import PICTURE_ENDINGS, Found, search


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("p/b.jpg", "p/a.PNG", "p/sub/c.jp2", "p/sub/deep/d.jfif", "p/z/e.gif"):
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).touch()
    return tmp_path


def paths(result) -> list[str]:
    return [str(found.path) for found in result.pictures]


@pytest.mark.usefixtures("folder")
def test_files_are_taken_as_they_are_whatever_their_ending():
    result = search(["x.txt", "missing.png", ".hidden"])
    assert paths(result) == ["x.txt", "missing.png", ".hidden"]
    assert not list(result.notes())


@pytest.mark.usefixtures("folder")
def test_a_folder_gives_its_pictures_by_name():
    result = search(["p"])
    assert paths(result) == ["p/a.PNG", "p/b.jpg"]
    assert list(result.notes()) == ["left out in p: subfolders (2, see --recursive)"]


@pytest.mark.usefixtures("folder")
def test_recursive_goes_into_subfolders_and_remembers_them():
    result = search(["p/"], recursive=True)
    assert paths(result) == ["p/a.PNG", "p/b.jpg", "p/sub/c.jp2", "p/sub/deep/d.jfif", "p/z/e.gif"]
    assert [str(found.under) for found in result.pictures] == [".", ".", "sub", "sub/deep", "z"]
    assert not list(result.notes())


def test_what_is_left_out_is_counted_and_named(folder):
    for name in ("n.txt", "m.TXT", "h.heic", "none", ".hidden.jpg", "._a.jpg", "a.onnxcam.png", "a.onnxcam.npz"):
        (folder / "p" / name).touch()
    (folder / "p" / f"x.{'y' * 20}").touch()
    (folder / "p" / ".git").mkdir()
    os.mkfifo(folder / "p" / "pipe.jpg")
    (folder / "p" / "link").symlink_to(folder)
    result = search(["p"], recursive=True)
    assert len(result.pictures) == 5
    assert "; ".join(result.notes()) == (
        "left out in p: .heic (1, not supported: convert them to JPEG), .txt (2), hidden ones (3), "
        "links to folders (1), others (1), pipes and devices (1), results of onnxcam (2), without an ending (1)"
    )


def test_a_very_deep_folder(folder):
    deep = folder / "p"
    for _ in range(300):
        deep /= "d"
    deep.mkdir(parents=True)
    (deep / "x.jpg").touch()
    assert len(search(["p"], recursive=True).pictures) == 6


def test_a_link_that_leads_nowhere_is_left_to_fail(folder):
    (folder / "p" / "c.jpg").symlink_to("missing.jpg")
    assert paths(search(["p"]))[-1] == "p/c.jpg"


def test_the_standard_input_and_a_file_of_that_name(folder):
    (folder / "-").touch()
    assert search(["-", "./-"]).pictures == [Found(Path("-"), is_standard_input=True), Found(Path("-"))]


def test_what_gives_no_pictures_is_said_and_the_rest_goes_on(folder, monkeypatch):
    (folder / "none").mkdir()
    iterdir = Path.iterdir

    def locked(path: Path):
        if path.name == "sub":
            raise PermissionError(13, "Permission denied")
        return iterdir(path)

    monkeypatch.setattr(Path, "iterdir", locked)  # root may read anything
    result = search(["", "none", "p"], recursive=True)
    assert [(name, str(error)) for name, error in result.failures] == [
        ("", "the name of an image is empty; give its path"),
        ("none", "the folder none holds no images"),
        ("p/sub", "cannot read the folder p/sub: Permission denied"),
    ]
    assert paths(result) == ["p/a.PNG", "p/b.jpg", "p/z/e.gif"]


@pytest.mark.usefixtures("folder")
def test_a_folder_counts_for_several():
    assert not search(["x.jpg"]).is_for_several
    assert search(["x.jpg", "y.jpg"]).is_for_several
    assert search(["p/sub"]).is_for_several


def test_the_endings_are_of_formats_that_are_read():
    from PIL import Image  # noqa: PLC0415  the search itself does without it

    from onnxcam.photograph.reading import FORMATS  # noqa: PLC0415

    endings = Image.registered_extensions()
    assert {endings.get(ending, "AVIF") for ending in PICTURE_ENDINGS} <= {*FORMATS, "MPO"}
