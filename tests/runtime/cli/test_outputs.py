from pathlib import Path

import pytest
from PIL import Image

from onnxcam.cli.outputs import Outputs
from onnxcam.cli.search import search
from onnxcam.errors import OutputError
from onnxcam.signature import fingerprint, signature


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("A/x.jpg", "B/x.jpg", "B/deep/y.jpg", "m.onnx"):
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).write_text(name)


def outputs(output, *arguments, npz=False):
    found = search(arguments, recursive=True)
    return Outputs(output, found, [Path("m.onnx")], npz=npz), found.pictures


def path(output, *arguments, npz=False, keep=False) -> str | None:
    """Where the last picture's explanation goes."""
    made, pictures = outputs(output, *arguments, npz=npz)
    found = made.path_for(pictures[-1], keep=keep)
    return None if found is None else str(found)


def drawing(name: str, of: str = "") -> None:
    Path(name).parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (8, 8)).save(name, exif=signature(fingerprint(Path(of)) if of else ""))


def test_without_an_output_it_is_here_and_named_after_the_picture():
    assert path(None, "A/x.jpg") == "x.onnxcam.png"
    assert path(None, "-") == "stdin.onnxcam.png"


@pytest.mark.parametrize("output", ["out", "out/", "deep/er/out/"])
def test_for_several_the_output_is_a_folder_that_is_made(output):
    assert path(output, "A/x.jpg", "B") == str(Path(output) / "deep" / "y.onnxcam.png")
    assert (Path(output) / "deep").is_dir()


def test_a_folder_of_one_picture_counts_for_several():
    assert path("out", "A") == "out/x.onnxcam.png"
    assert path("out.png", "A") == "out.png"


def test_a_new_folder_for_one_picture_is_told_by_its_slash():
    assert path("out/", "A/x.jpg") == "out/x.onnxcam.png"
    with pytest.raises(OutputError, match="the ending must be one of"):
        path("other", "A/x.jpg")


@pytest.mark.parametrize("output", ["out.png", "m.onnx"])
def test_several_pictures_do_not_go_to_one_file(output):
    with pytest.raises(
        OutputError, match=f"{output} is the name of a file, and 3 images need a folder; name an existing"
    ):
        outputs(output, "A", "B")


@pytest.mark.parametrize(
    ("output", "words"),
    [
        ("", "the name of the output is empty"),
        ("none/out.png", "the folder none does not exist"),
        ("out.txt", "the ending must be one of"),
        ("x" * 300 + ".png", "File name too long"),
        ("m.onnx/", "cannot make the folder m.onnx"),
        ("m.onnx/out/", "cannot make the folder m.onnx/out"),
    ],
)
def test_outputs_that_cannot_be(output, words):
    with pytest.raises(OutputError, match=words):
        path(output, "A/x.jpg")


def test_a_picture_s_name_that_is_too_long_for_its_explanation():
    name = "x" * 251 + ".jpg"
    Path(name).touch()
    with pytest.raises(OutputError, match="File name too long"):
        path(None, name)


def test_a_photograph_is_not_overwritten_by_its_explanation():
    Image.new("RGB", (8, 8)).save("x.png")
    before = Path("x.png").read_bytes()
    with pytest.raises(OutputError, match=r"it is x\.png, which is read; name another file"):
        path("x.png", "x.png")
    assert Path("x.png").read_bytes() == before


def test_nor_is_anything_else_that_is_read_by_any_name():
    drawing("own.png")
    Path("link.png").symlink_to("own.png")
    Path("hard.png").hardlink_to("own.png")
    Path("model.png").hardlink_to("m.onnx")
    for output, words in {"link.png": "own.png", "hard.png": "own.png", "model.png": "m.onnx"}.items():
        with pytest.raises(OutputError, match=f"it is {words}, which is read"):
            path(output, "own.png")


def test_a_file_that_is_not_ours_is_not_overwritten():
    Image.new("RGB", (8, 8)).save("out.png")
    Path("text.png").write_text("a note")
    for output in ("out.png", "text.png"):
        with pytest.raises(OutputError, match="it exists, and onnxcam did not make it; name another file"):
            path(output, "A/x.jpg")


def test_nor_are_arrays_beside_the_output():
    Path("out.npz").write_text("weeks of work")
    assert path("out.png", "A/x.jpg") == "out.png"
    with pytest.raises(OutputError, match=r"out\.npz: it exists, and onnxcam did not make it"):
        path("out.png", "A/x.jpg", npz=True)


def test_a_file_of_ours_or_an_empty_one_is_overwritten():
    drawing("out.png", of="B/x.jpg")
    Path("empty.png").touch()
    for output in ("out.png", "empty.png"):
        assert path(output, "A/x.jpg") == output


def test_a_name_that_the_command_gives_is_never_shared_by_two_pictures():
    assert path(None, "A/x.jpg") == "x.onnxcam.png"
    drawing("x.onnxcam.png", of="A/x.jpg")
    assert path(None, "A/x.jpg") == "x.onnxcam.png"
    assert path(None, "B/x.jpg") == "x-2.onnxcam.png"
    drawing("x-2.onnxcam.png", of="B/x.jpg")
    assert path(None, "B/x.jpg") == "x-2.onnxcam.png"
    assert path(None, "A/x.jpg") == "x.onnxcam.png"


def test_it_is_not_one_that_somebody_else_made_nor_one_that_is_read():
    Path("x.onnxcam.png").write_text("a note")
    drawing("x-2.onnxcam.png", of="A/x.jpg")
    Path("x-3.onnxcam.npz").write_text("weeks of work")
    assert path(None, "A/x.jpg") == "x-2.onnxcam.png"
    assert path(None, "x-2.onnxcam.png", "A/x.jpg") == "x-3.onnxcam.png"
    assert path(None, "x-2.onnxcam.png", "A/x.jpg", npz=True) == "x-4.onnxcam.png"


def test_what_is_there_is_kept_on_request():
    drawing("x.onnxcam.png", of="A/x.jpg")
    drawing("out.png")
    Path("text.png").write_text("a note")
    for output in (None, "out.png", "text.png"):
        assert path(output, "A/x.jpg", keep=True) is None
    assert path(None, "B/x.jpg", keep=True) == "x-2.onnxcam.png"
    Path("arrays.npz").write_text("weeks of work")
    assert path("arrays.png", "A/x.jpg", keep=True) == "arrays.png"
    assert path("arrays.png", "A/x.jpg", keep=True, npz=True) is None


def test_read_only_files_and_folders_are_left_alone():
    drawing("x.onnxcam.png", of="A/x.jpg")
    Path("x.onnxcam.png").chmod(0o444)
    with pytest.raises(OutputError, match="it is read-only"):
        path(None, "A/x.jpg")


def test_a_name_in_use_is_not_given_to_another_image_before_it_is_written():
    made, pictures = outputs("out", "A/x.jpg", "B/x.jpg")
    first = made.path_for(pictures[0], keep=False)
    second = made.path_for(pictures[1], keep=False)
    assert (str(first), str(second)) == ("out/x.onnxcam.png", "out/x-2.onnxcam.png")
    assert made.path_for(pictures[0], keep=False) == first  # the same image may be named twice
    made.release(first)
    made.release(second)
    assert str(made.path_for(pictures[1], keep=False)) == "out/x.onnxcam.png"  # the first has failed


@pytest.mark.parametrize(("picture", "ending"), [(None, ".png"), ("png", ".png"), ("jpeg", ".jpg"), ("webp", ".webp")])
def test_the_format_gives_the_ending(picture, ending):
    found = search(["A/x.jpg"])
    made = Outputs("out/", found, [Path("m.onnx")], npz=False, picture=picture)
    assert str(made.path_for(found.pictures[0], keep=False)) == f"out/x.onnxcam{ending}"


def test_a_file_has_the_format_of_its_ending():
    found = search(["A/x.jpg"])
    for name, picture in {"o.jpeg": "jpeg", "o.JPG": "jpeg", "o.webp": None}.items():
        made = Outputs(name, found, [], npz=False, picture=picture)
        assert str(made.path_for(found.pictures[0], keep=False)) == name
    with pytest.raises(OutputError, match=r"cannot write o\.png as jpeg: its ending is that of another format"):
        Outputs("o.png", found, [], npz=False, picture="jpeg")
