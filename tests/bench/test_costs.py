"""The table of costs."""

from bench.costs import KINDS, _medians, _table
from onnxcam.methods import METHODS


def test_every_method_has_a_row_with_its_level_and_multiples():
    cells = {(method, kind): 0.02 if "guided" in method else 0.01 for method in METHODS for kind in KINDS}
    lines = _table({("", ""): 0.005, **cells}, 2).splitlines()
    assert "(5.0 ms)" in lines[0]
    assert "| `grad-cam` | 1 | 2.00 | 2.00 | 2.00 |" in lines
    assert "| `guided-grad-cam` | 2 | 4.00 | 4.00 | 4.00 |" in lines
    assert len(lines) == 4 + len(METHODS)


def test_cells_take_turns():
    order: list[str] = []
    found = _medians({(name, ""): lambda name=name: order.append(name) for name in "ab"})
    assert order[:4] == ["a", "b", "a", "b"]
    assert set(found) == {("a", ""), ("b", "")}
