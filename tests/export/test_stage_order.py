"""The stages of the export import one way, and in no circles."""

from __future__ import annotations

import ast
import graphlib
from pathlib import Path

import onnxcam_export

PACKAGE = Path(onnxcam_export.__file__).parent

# A stage may import those in the lines above its own, and its own modules.
ORDER = [
    "errors timing",
    "graph",
    "read",
    "differentiate",
    "analyse prepare",
    "analysed",
    "assemble",
    "verify",
    "report",
    "pipeline",
    "__init__",
    "cli",
]
FLOORS = {stage: floor for floor, stages in enumerate(ORDER) for stage in stages.split()}


def modules() -> dict[str, Path]:
    found = {}
    for path in PACKAGE.rglob("*.py"):
        parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


def imports() -> set[tuple[str, str]]:
    """(importing module, imported module), in functions and for types too."""
    known = modules()
    pairs = set()
    for module, path in known.items():
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                pairs |= {(module, alias.name) for alias in node.names if alias.name in known}
            elif isinstance(node, ast.ImportFrom) and node.module in known:
                inside = {f"{node.module}.{alias.name}" for alias in node.names} & known.keys()
                pairs |= {(module, name) for name in inside or {node.module}}
    return {(importing, imported) for importing, imported in pairs if importing != imported}


def stage(module: str) -> str:
    return [*module.split("."), "__init__"][1]


def test_every_stage_has_its_floor() -> None:
    assert {stage(module) for module in modules()} == set(FLOORS)


def test_imports_run_one_way() -> None:
    found = imports()
    assert ("onnxcam_export.pipeline", "onnxcam_export.read.source") in found
    upwards = {
        (importing, imported)
        for importing, imported in found
        if stage(importing) != stage(imported) and FLOORS[stage(importing)] <= FLOORS[stage(imported)]
    }
    assert upwards == set()


def test_no_circles() -> None:
    graph: dict[str, set[str]] = {}
    for importing, imported in imports():
        if not imported.startswith(importing + "."):  # a package that imports its modules for what they register
            graph.setdefault(importing, set()).add(imported)
    graphlib.TopologicalSorter(graph).prepare()
