"""Nothing that a model or a file's name says reaches the terminal as more than visible text."""

import dataclasses
import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from onnxcam.metadata import Layer, Source, Verification
from onnxcam.text import printable

EVIL = "\x1b]0;title\x07\x1b[2J\rx\nverified  against everything\u202etxt\x9b"
SHOWN = r"\x1b]0;title\x07\x1b[2J\rx\nverified  against everything\u202etxt\x9b"


@pytest.fixture
def evil(rewritten, pooled, tmp_path):
    """A model that has it in every text of its metadata that no graph confirms."""
    metadata = pooled.metadata
    changes = {
        "labels": (EVIL,) * 5,
        "score_value": EVIL,
        "layers": (dataclasses.replace(metadata.layers[0], value=EVIL),),
        "source": Source(EVIL, EVIL, EVIL),
        "verification": Verification(EVIL, {EVIL: 0.0}, {EVIL: 1.0}, (EVIL,)),
    }
    path = tmp_path / f"evil{EVIL}.onnx".replace("/", "")
    path.write_bytes(rewritten("pooled", **changes))
    return path


def lines(text: str) -> list[str]:
    """The lines, each of which must be what it seems."""
    assert text.endswith("\n")
    for line in text[:-1].split("\n"):
        assert line == printable(line)
    return text[:-1].split("\n")


def test_inspect(onnxcam, evil):
    shown = lines(onnxcam("inspect", evil).out)
    assert sum(line.startswith("verified") for line in shown) == 1
    assert sum(SHOWN in line for line in shown) == 6
    assert lines(onnxcam("inspect", evil, "--labels").out)[2] == f"     2  {SHOWN}"


def test_json_is_ascii(onnxcam, evil):
    for command in ("inspect", "verify"):
        out = onnxcam(command, evil, "--json").out
        assert out.isascii()
        assert "\x1b" not in out
        assert json.loads(out)


def test_verify_and_errors(onnxcam, evil, rewritten, pooled):
    assert SHOWN in lines(onnxcam("verify", evil).out)[0]
    evil.write_bytes(rewritten("pooled", golden=dataclasses.replace(pooled.metadata.golden, scores=(0.0,) * 5)))
    result = onnxcam("verify", evil)
    assert result.code == 1
    assert SHOWN in lines(result.err)[0]
    evil.write_bytes(rewritten("pooled", layers=(Layer(EVIL, "x", (4, 8, 8)),), golden=None, cam_layer=None))
    result = onnxcam("inspect", evil)
    assert result.code == 2
    assert SHOWN in lines(result.err)[0]


@settings(max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(target=st.text(st.characters(exclude_characters="\0")) | st.integers().map(str))
def test_any_target_is_explained_or_refused_in_a_line(onnxcam, model, picture, target):
    result = onnxcam("explain", picture, "-m", model, "--method", "cam", f"--target={target}")
    assert result.code in {0, 2}
    if result.code:
        assert result.err.startswith("onnxcam: ")
        assert len(lines(result.err)) == 1
