"""Whatever the arguments of explain are, it ends in an exit code, and no file that was there changes."""

from __future__ import annotations

import contextlib
import io
import os
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from PIL import Image

from onnxcam.cli import main
from onnxcam.signature import signature
from onnxcam.text import printable

if TYPE_CHECKING:
    from collections.abc import Iterator

PICTURES = ("a.png", "b.jpg", "in/a.png", "in/deep/c.bmp")
OTHERS = ("note.txt", "bad.png", "bad.webp", "mine.npz")
# One of our own drawings may be overwritten, unless it is read.
OWN = "own.png"
GOOD_PATHS = st.sampled_from([*PICTURES, OWN, "in", "in/", "-"])
BAD_PATHS = st.one_of(
    st.sampled_from([*OTHERS, ".", "..", "", "missing.png", "m.onnx", "empty.png", "/dev/null", "/dev/full/x.png"]),
    st.sampled_from(["x" * 256, "x" * 5000, "a.png/b.png", "\udcff.png", "~", "a\0b"]),
    st.text("ab.-\u202e\x1b é", max_size=6).filter(lambda text: not text.startswith("-")),
)
OUTPUTS = st.one_of(
    st.sampled_from([*PICTURES, *OTHERS, OWN, "m.onnx", "link.png", "empty.png"]),
    st.sampled_from(["in", "in/deep/", "out", "out/", "out.png", "out.JPG", "mine.png"]),
)
FLAGS = st.sets(st.sampled_from(["--json", "--npz", "-r", "-n"]))
OPTIONS = st.one_of(
    st.tuples(st.sampled_from(["-o", "--output"]), BAD_PATHS),
    st.tuples(st.sampled_from(["--target", "--layer", "--method", "--provider", "--model"]), st.text()),
    st.tuples(st.sampled_from(["--top", "--threads", "--max-pixels"]), st.sampled_from(["1", "2", "0", "-1", "x", ""])),
    st.tuples(st.sampled_from(["--x", "-o", "-m", "--json", "--npz", "-r", "-n"])),
)


@contextlib.contextmanager
def folder(model: Path) -> Iterator[None]:
    """A folder of pictures and other files, as the current one, alone in its parent, to which ``..`` leads."""
    before = Path.cwd()
    with TemporaryDirectory() as name:
        (Path(name) / "here").mkdir()
        os.chdir(Path(name) / "here")
        try:
            Path("in/deep").mkdir(parents=True)
            pixels = np.random.default_rng(0).integers(0, 256, (20, 30, 3), np.uint8)
            for picture in PICTURES:
                Image.fromarray(pixels).save(picture)
            Image.fromarray(pixels).save(OWN, exif=signature())
            for other in OTHERS:
                Path(other).write_text(other)
            Path("empty.png").touch()
            Path("link.png").symlink_to("a.png")
            Path("m.onnx").write_bytes(model.read_bytes())
            yield
        finally:
            os.chdir(before)


def run(arguments: list[str]) -> int:
    """Explains, and checks that nothing is lost and nothing but sentences comes out."""
    model = Path(__file__).parents[2] / "data" / "pooled.onnx"
    out, err = io.StringIO(), io.StringIO()
    with folder(model), contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        names = (*PICTURES, *OTHERS, "m.onnx", *([OWN] if OWN in arguments[:2] else []))
        kept = {name: Path(name).read_bytes() for name in names}
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(kept["a.png"])))
            code = main(["explain", "-m", str(model), *arguments])
        assert {name: Path(name).read_bytes() for name in kept} == kept
        assert not list(Path().rglob(".onnxcam-*"))
    assert all(
        line.startswith("onnxcam: ") and line == printable(line)
        for line in err.getvalue().removesuffix("\n").split("\n")
        if line
    )
    assert code == 0 or err.getvalue()
    return code


@settings(max_examples=100, deadline=None, derandomize=True)
@given(st.lists(GOOD_PATHS, min_size=1, max_size=2), OUTPUTS, FLAGS)
@example([OWN], OWN, set())
def test_wherever_pictures_are_explained_to_nothing_is_lost(paths: list[str], output: str, flags: set[str]) -> None:
    assert run([*paths, "-o", output, *flags]) in {0, 2}


@settings(max_examples=100, deadline=None, derandomize=True)
@given(st.lists(BAD_PATHS, max_size=2), st.lists(OPTIONS, max_size=3))
def test_bad_arguments_are_told_in_sentences(paths: list[str], options: list[tuple[str, ...]]) -> None:
    assert run([*paths, *(word for option in options for word in option)]) in {0, 2}
