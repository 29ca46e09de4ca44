"""What the distributions declare, and what `make test-oldest` tries."""

from __future__ import annotations

import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[2]


def declared() -> list[str]:
    """All requirements of the runtime, whatever the flavour for the CPU."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return [*project["dependencies"], *project["optional-dependencies"]["cpu"]]


def test_the_oldest_versions_that_are_allowed_are_those_that_are_tested() -> None:
    lines = (ROOT / "constraints-oldest.txt").read_text(encoding="utf-8").splitlines()
    tested = {line.partition(";")[0].removesuffix(".0") for line in lines}
    assert all(requirement.replace(">=", "==").removesuffix(".0") in tested for requirement in declared())


def test_no_flavour_of_onnx_runtime_is_forced_upon_anybody() -> None:
    for folder in (ROOT, ROOT / "export"):
        project = tomllib.loads((folder / "pyproject.toml").read_text(encoding="utf-8"))["project"]
        assert not any(requirement.startswith("onnxruntime") for requirement in project["dependencies"])
        assert set(project["optional-dependencies"]) >= {"gpu", "cpu"}


def test_the_page_s_files_have_the_runtime_s_version() -> None:
    runtime, page = (
        tomllib.loads((ROOT / folder / "pyproject.toml").read_text(encoding="utf-8"))["project"]
        for folder in (".", "web/page")
    )
    assert page["version"] == runtime["version"]
    assert runtime["optional-dependencies"]["page"] == [f"{page['name']}=={page['version']}"]
