"""The table of rules, and the errors of those who write one."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import onnxcam_export
from onnxcam_export.differentiate.rule import PLAIN, Rule
from onnxcam_export.differentiate.tables import guided


@pytest.fixture
def registered(monkeypatch: pytest.MonkeyPatch) -> dict[str, Rule]:
    """The table, put back as it was afterwards."""
    for name in ("Det", "Hardmax"):
        monkeypatch.delitem(PLAIN, name, raising=False)
    monkeypatch.setitem(PLAIN, "Hardmax", PLAIN["Relu"])  # so that it is taken out again
    monkeypatch.delitem(PLAIN, "Hardmax")
    return PLAIN


def test_a_rule_from_outside(registered: dict[str, Rule], graph: Any, evaluate: Any) -> None:
    @onnxcam_export.rule
    def Hardmax(op: Any, node: Any, dy: Any) -> Any:  # noqa: N802 — a rule is named after its operator
        """``dx = 3 dy``, for the sake of the example."""
        del node
        return [op.Mul(dy, 3.0)]

    assert registered["Hardmax"].formula is Hardmax
    function = graph("Hardmax(x)", x=("N", 3))
    x = function.variables(rows=2)["x"]
    for rules in (PLAIN, guided(PLAIN)):
        dx = evaluate(function.gradient(rules=rules), {"x": x, "dy": x})["dx"]
        np.testing.assert_array_equal(dx, 3 * x)


def test_registering_twice_raises() -> None:
    with pytest.raises(
        ValueError, match=r"^Relu has a rule already \(onnxcam_export\.differentiate\.rules\.rectifiers\); remove one"
    ):
        onnxcam_export.rule(op_type="Relu")(lambda op, node, dy: [dy])  # noqa: ARG005 — never called


@pytest.mark.parametrize("count", [0, 2])
def test_a_rule_of_the_wrong_length_raises(count: int, graph: Any) -> None:
    wrong = Rule("Relu", lambda op, node, dy: [dy] * count)  # noqa: ARG005 — the shortest wrong rule
    with pytest.raises(TypeError, match=f"the rule for Relu returned {count} gradients for 1 inputs; return one for"):
        graph("Relu(x)", x=("N", 3)).gradient(rules={**PLAIN, "Relu": wrong})


def test_every_rule_begins_with_its_formula() -> None:
    for name, rule in PLAIN.items():
        first = (rule.formula.__doc__ or "").splitlines()[0]
        assert "``" in first or "As LayerNormalization" in first, name
