"""The files of the browser page, beside this one."""

from pathlib import Path

FILES = Path(__file__).parent / "files"
