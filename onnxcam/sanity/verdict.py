"""The verdict on a method, in plain words, from the numbers of its sanity checks.

What is judged is the larger of two rank correlations: of the maps of two classes of one picture, and of the maps before
and after the last layer's weights were permuted. Both ask whether the classifier matters to the map. Of the default
model and ten photographs it is 0.12 for Grad-CAM, 0.38 for Guided Grad-CAM, and at least 0.95 for Grad-CAM++, LayerCAM,
guided backpropagation and EigenCAM. Between Grad-CAM's maps of two different photographs it is 0.39: up to there, maps
have nothing in common but the middle of the picture. The other limit is in the middle of the gap above.

EigenGradCAM is judged by the magnitude of its correlations, 0.87: its map stays, or becomes its own negative. Guided
Grad-CAM is guided backpropagation in another frame, and never judged better than in part where that one stays.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal

from onnxcam.methods import METHODS, TITLES, is_at_input

if TYPE_CHECKING:
    from collections.abc import Iterator

    from onnxcam.metadata import MethodSanity, Sanity

_MAPS = tuple(method for method in METHODS if not is_at_input(method))

CHANGES_BELOW: Final = 0.4
STAYS_ABOVE: Final = 0.65
# Of a constant that is added and taken away again, a map shows rounding alone, unless it is made of the input's values.
SHIFTED_BELOW: Final = 0.999

Grade = Literal["changes", "in part", "does not"]

_WORDS: dict[Grade, str] = {
    "changes": "changes when the classifier is randomised",
    "in part": "changes only in part when the classifier is randomised: read it as where, not why the class",
    "does not": "does not change when the classifier is randomised: read it as where {what}, not why the class",
}
_PRODUCT, _FACTOR = "guided-grad-cam", "guided-backprop"
_AT_INPUT, _OF_LAYER = "edges are", "the network responds"


def similarity(method: MethodSanity) -> float:
    """The number that is judged: the largest correlation, or the magnitude if that alone is high."""
    judged = method.classifier if method.classes is None else max(method.classes, method.classifier)
    return max(judged, method.unsigned) if method.unsigned > STAYS_ABOVE else judged


def grade(name: str, sanity: Sanity) -> Grade:
    """Whether a method's maps change with the classifier.

    Args:
        name: One of the methods that were checked.
        sanity: The results of all.
    """
    judged = similarity(sanity.methods[name])
    if judged > STAYS_ABOVE:
        return "does not"
    if name == _PRODUCT and _FACTOR in sanity.methods and grade(_FACTOR, sanity) != "changes":
        return "in part"
    return "changes" if judged < CHANGES_BELOW else "in part"


def in_words(name: str, sanity: Sanity) -> str:
    """The verdict as the end of a sentence that begins with the method's name."""
    words = _WORDS[grade(name, sanity)].format(what=_OF_LAYER if name in _MAPS else _AT_INPUT)
    shift = sanity.methods[name].shift
    if shift is not None and shift < SHIFTED_BELOW:
        words += "; it also changes with a constant that is added to the input and taken away again"
    return words


def verdict_lines(sanity: Sanity) -> Iterator[str]:
    """A line for each method, such as ``Grad-CAM changes with the class …``."""
    for name in sanity.methods:
        yield f"{title_of(name)} {in_words(name, sanity)}"


def title_of(name: str) -> str:
    """The title of a method; methods of the gradient at the input have their name."""
    return next((title for method, title in TITLES.items() if method == name), name)
