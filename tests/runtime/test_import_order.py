"""Imports run one way: from the rooms at the top of the list to those below, and in no circles."""

from __future__ import annotations

import ast
import graphlib
from pathlib import Path

import pytest

import onnxcam

PACKAGE = Path(onnxcam.__file__).parent

# A room may import those in the lines above its own, and its own modules. A new room is given its line here.
ORDER = [
    "text contract version",
    "errors",
    "strict_json",
    "metadata_parts",
    "metadata_checks",
    "metadata",
    "methods temporary signature levels",
    "cam tensors files line_files photograph artifact",
    "scores hashes",
    "detection",
    "targets",
    "execution render",
    "triton",
    "drawable",
    "input_gradients",
    "maps",
    "explanation run_checks",
    "attributions",
    "explainer",
    "measures bulk intervals",
    "batch",
    "evaluation sanity",
    "reporting",
    "__init__",
    "serving page",
    "cli",
    "__main__",
]
FLOORS = {room: floor for floor, rooms in enumerate(ORDER) for room in rooms.split()}


def modules() -> dict[str, Path]:
    found = {}
    for path in PACKAGE.rglob("*.py"):
        parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


def imports() -> set[tuple[str, str]]:
    """(importing module, imported module): of the whole text, so in functions and for types only as well."""
    known = modules()
    return {
        (module, imported)
        for module, path in known.items()
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        for imported in imported_by(node, known)
        if imported != module
    }


def imported_by(node: ast.AST, known: dict[str, Path]) -> set[str]:
    if isinstance(node, ast.Import):
        return {alias.name for alias in node.names} & known.keys()
    if isinstance(node, ast.ImportFrom) and node.module in known:
        inside = {f"{node.module}.{alias.name}" for alias in node.names}
        return inside & known.keys() or {node.module}
    return set()


def room(module: str) -> str:
    return [*module.split("."), "__init__"][1]


def test_every_room_has_its_floor():
    assert {room(module) for module in modules()} <= FLOORS.keys()


def test_imports_run_one_way():
    upwards = [
        f"{importing} imports {imported}"
        for importing, imported in imports()
        if room(importing) != room(imported) and FLOORS[room(importing)] <= FLOORS[room(imported)]
    ]
    assert upwards == []


def test_no_circles():
    graph: dict[str, set[str]] = {}
    for importing, imported in imports():
        graph.setdefault(importing, set()).add(imported)
    graphlib.TopologicalSorter(graph).prepare()


def test_circles_and_imports_upwards_would_be_seen():
    assert ("onnxcam.explainer", "onnxcam.explanation") in imports()
    assert ("onnxcam.drawable", "onnxcam.scores") in imports()  # only for its types
    assert ("onnxcam.cli.commands.doctor", "onnxcam.cli.doctor") in imports()  # in a function
    with pytest.raises(graphlib.CycleError):
        graphlib.TopologicalSorter({"a": {"b"}, "b": {"a"}}).prepare()
