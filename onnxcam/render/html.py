"""HTML for notebooks: the picture and a table of classes."""

from __future__ import annotations

import base64
from html import escape
from typing import TYPE_CHECKING

from onnxcam.render.captions import figure
from onnxcam.text import one_line

if TYPE_CHECKING:
    from collections.abc import Iterable

    from onnxcam.scores import ClassScore

_PAGE = (
    '<img src="data:image/png;base64,{image}" style="max-width: 100%" alt="{names}">'
    "<table><thead><tr><th>class</th><th>{kind}</th></tr></thead><tbody>{rows}</tbody></table>"
)


def as_html(png: bytes, explained: Iterable[ClassScore]) -> str:
    """A picture above a table of classes.

    Args:
        png: The picture.
        explained: The classes. Their labels come from the model's file, so they are escaped.

    Returns:
        A fragment of HTML.
    """
    items = [(escape(one_line(item.label)), figure(item), item.probability is None) for item in explained]
    return _PAGE.format(
        image=base64.b64encode(png).decode("ascii"),
        names=", ".join(label for label, _, _ in items),
        kind="score" if any(is_score for _, _, is_score in items) else "probability",
        rows="".join(f"<tr><td>{label}</td><td>{number}</td></tr>" for label, number, _ in items),
    )
