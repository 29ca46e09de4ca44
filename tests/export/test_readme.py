"""The README's rule in three steps and its export work as written."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from onnxcam_export.differentiate.rule import PLAIN
from onnxcam_export.read.preprocessing.given import checked_preprocessing
from support.networks import small
from support.preprocessed import image_input

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
GUIDE = (ROOT / "docs" / "guide.md").read_text(encoding="utf-8")


@pytest.fixture
def steps() -> Iterator[list[str]]:
    """The code of the steps, run as if the package had no rule for Sinh."""
    known = PLAIN.pop("Sinh")
    section = README.split("## Add a rule in three steps")[1]
    blocks = re.findall(r"```python\n(.*?)```", section, re.DOTALL)
    yield [re.sub(r"^   ", "", block, flags=re.MULTILINE) for block in blocks]
    PLAIN["Sinh"] = known


def test_a_rule_in_three_steps(steps: list[str], graph: Any, evaluate: Any) -> None:
    rule, table_row = steps
    exec(rule, {})  # noqa: S102 — that is the test
    table = eval(f"{{{table_row}}}", {"case": graph})  # noqa: S307 — the same
    (function,) = table["Sinh"]
    x = function.variables(rows=2)["x"]
    dy = np.random.default_rng(0).standard_normal(x.shape).astype(np.float32)
    dx = evaluate(function.gradient(), {"x": x, "dy": dy})["dx"]
    np.testing.assert_allclose(dx, dy * np.cosh(x), rtol=1e-6)


def test_the_export_runs_as_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (example,) = re.findall(
        r"```python\n(.*?)```", README.split("## Export your own model")[1].split("\n## ")[0], re.DOTALL
    )
    exec(example, {"model": small(classes=2)})  # noqa: S102 — that is the test
    report = capsys.readouterr().out
    assert "labels  cat, dog\n" in report
    assert "note" not in report
    assert (tmp_path / "mine.onnx").is_file()


def test_the_guides_preprocessing_is_right() -> None:
    (example,) = re.findall(r"```json\n(.*?)```", GUIDE, re.DOTALL)
    checked = checked_preprocessing(json.loads(example), image_input(3, 96))
    assert checked.steps is not None
    assert checked.notes == ()


def test_the_files_it_links_to_exist() -> None:
    links = re.findall(r"\]\((?!http)([^)#]+)\)", README)
    assert links
    assert not [link for link in links if not (ROOT / link).exists()]
