"""The README's rule in three steps works as written."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from onnxcam_export.differentiate.rule import PLAIN

if TYPE_CHECKING:
    from collections.abc import Iterator

README = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")


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


def test_the_files_it_links_to_exist() -> None:
    links = re.findall(r"\]\((?!http)([^)#]+)\)", README)
    assert links
    root = Path(__file__).parents[2]
    assert not [link for link in links if not (root / link).exists()]
