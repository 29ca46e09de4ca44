import pytest

COMMANDS = ("explain", "inspect", "verify", "doctor")


@pytest.mark.parametrize("command", [(), *((command,) for command in COMMANDS)])
def test_flags_show_no_value(onnxcam, command):
    text = onnxcam(*command, "--help").out
    flags = [line for line in text.splitlines() if "--json" in line or "--version" in line or "--help" in line]
    assert flags
    assert not any("bool" in line.lower() for line in flags)


def test_what_explain_needs_to_be_understood(onnxcam, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    text = onnxcam("explain", "--help").out
    for word in (
        "Examples:",
        "onnxcam explain photos/ --recursive",
        "Exit codes:",
        "overwritten only if onnxcam made it",
    ):
        assert word in text
    words = " ".join(text.replace("│", " ").split())
    assert "grad-cam, guided-backprop, guided-grad-cam, all three of these, or cam." in words
    assert max(map(len, text.splitlines())) <= 80
