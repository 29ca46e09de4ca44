"""The README's examples do what they say, and its figures are those of the documents."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

ROOT = Path(__file__).parents[2]
NUMBER = r"\d+(?:\.\d+)?"


def python_after(heading: str, index: int = 0) -> str:
    """A Python example after a heading, the first by default."""
    section = (ROOT / "README.md").read_text(encoding="utf-8").split(heading)[1]
    return re.findall(r"```python\n(.*?)```", section, re.DOTALL)[index]


@pytest.mark.parametrize("heading", ["## Why", "## Limits"])
def test_every_figure_is_in_the_documents(heading: str) -> None:
    section = (ROOT / "README.md").read_text(encoding="utf-8").split(heading)[1].partition("\n## ")[0]
    measured = "".join((ROOT / "docs" / f"{name}.md").read_text(encoding="utf-8") for name in ("performance", "models"))
    figures = set(re.findall(NUMBER, section))
    assert figures
    assert figures <= set(re.findall(NUMBER, measured))


@pytest.mark.filterwarnings("ignore:.*appears in graph inputs")
def test_the_example_without_our_package_runs_as_written(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    names: dict[str, Any] = {}
    exec(python_after("## Use it"), names)  # noqa: S102 — that is the test
    assert names["grad_cam"].shape == (1, 7, 7)
    assert (names["grad_cam"] >= 0).all()


def test_the_example_with_our_package_runs_as_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "tests").symlink_to(ROOT / "tests")
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {}
    exec(python_after("## Use it", 1), names)  # noqa: S102 — that is the test
    assert names["heat"].shape == (1, 7, 7)
    assert names["pixels"].shape == (1, 3, 224, 224)
    assert names["answers"].scores.shape == (1, 1000)
    assert names["several"].class_index.tolist() == [967, 504, 968]
    with Image.open(tmp_path / "espresso.png") as picture:
        assert picture.width > 3 * picture.height
