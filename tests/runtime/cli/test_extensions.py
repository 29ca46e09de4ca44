from importlib import metadata
from typing import Annotated

import pytest
import typer

from onnxcam.errors import ExportError


class EntryPoint:
    """Stands for that of a distribution that is installed."""

    def __init__(self, function) -> None:
        self.function, self.loaded = function, 0

    def load(self):
        self.loaded += 1
        return self.function


@pytest.fixture
def install(monkeypatch):
    def install(function) -> EntryPoint:
        point = EntryPoint(function)
        monkeypatch.setattr(
            metadata, "entry_points", lambda **selection: [point] if selection["name"] == "export" else []
        )
        return point

    return install


@pytest.fixture
def nothing_installed(monkeypatch):
    monkeypatch.setattr(metadata, "entry_points", lambda **_selection: [])


@pytest.mark.usefixtures("nothing_installed")
@pytest.mark.parametrize("arguments", [("export",), ("export", "--help"), ("layers", "x", "--option")])
def test_without_the_distribution_it_says_how_to_install_it(onnxcam, arguments):
    result = onnxcam(*arguments)
    assert result.code == 2
    assert result.out == ""
    assert result.err.endswith("install it with: pip install onnxcam-export\n")
    assert result.err.count("\n") == 1


def test_the_command_gets_its_own_options(onnxcam, install):
    seen = []

    def export(source: str, output: Annotated[str, typer.Option("-o")] = "default") -> None:
        """Exports something in particular."""
        seen.append((source, output))

    install(export)
    assert onnxcam("export", "torchvision:resnet18", "-o", "x.onnx").code == 0
    assert seen == [("torchvision:resnet18", "x.onnx")]
    assert "Exports something in particular." in onnxcam("export", "--help").out
    wrong = onnxcam("export")
    assert wrong.code == 2
    assert "onnxcam export --help" in wrong.err


def test_it_is_not_imported_before_it_is_needed(onnxcam, install):
    point = install(lambda: None)
    assert "export" in onnxcam("--help").out
    assert onnxcam("--version").code == 0
    assert point.loaded == 0
    onnxcam("export")
    assert point.loaded == 1


def test_its_errors_are_told_as_ours_and_its_exit_code_counts(onnxcam, install):
    def fail() -> None:
        raise ExportError("an operator without a rule")

    install(fail)
    result = onnxcam("export")
    assert (result.code, result.err) == (2, "onnxcam: an operator without a rule\n")

    def leave() -> None:
        raise typer.Exit(1)

    install(leave)
    assert onnxcam("export").code == 1
