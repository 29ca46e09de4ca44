"""The layout of the image input, from how operators use its axes."""

from __future__ import annotations

from typing import TYPE_CHECKING, get_args

from onnxcam.metadata_parts import Layout
from onnxcam_export.analyse.axes.factors import Role

if TYPE_CHECKING:
    from collections.abc import Sequence

# By rank, the first of those that fit is taken: channels first, unless operators use the axes otherwise.
LAYOUTS: tuple[Layout, ...] = get_args(Layout)


def layout_of(roles: Sequence[Role | None]) -> Layout | None:
    """The layout in which no axis has another role than operators give it; None where there is none.

    Args:
        roles: Those of all axes, the batch first.
    """
    return next((layout for layout in LAYOUTS if len(layout) == len(roles) and _fits(layout, roles)), None)


def roles_of(layout: Layout) -> dict[int, Role]:
    """The roles of the axes after the batch."""
    return {
        axis: Role.CHANNELS if letter == "C" else Role.PLACES for axis, letter in enumerate(layout) if letter != "N"
    }


def _fits(layout: Layout, roles: Sequence[Role | None]) -> bool:
    return all(roles[axis] in {None, role} for axis, role in roles_of(layout).items())
