"""The methods of explanation, by their names on the command line."""

from __future__ import annotations

from typing import Literal

MapMethod = Literal["grad-cam", "cam"]
Method = Literal["grad-cam", "cam", "guided-backprop", "guided-grad-cam"]

# Drawn beside the image if the caller names no method.
DEFAULT_METHODS: tuple[Method, ...] = ("grad-cam", "guided-backprop", "guided-grad-cam")
