"""Changes a text of JSON at one place, so that most of the results are still JSON, and reach the checks after it."""

from __future__ import annotations

import json
import random
from typing import Any

LURES: list[Any] = [
    *(None, True, False, 0, -1, 1, 2, 7, 2**31, 2**63, -(2**63), 1e308, 1e-320, 0.5, -0.0, 10**30),
    *("", "a", "\n", "\x1b[2J", "\u202e", "\ud800", "x" * 5000, "softmax", "NHWC", "BGR", "required", "features"),
    *([], {}, [[]], [0, 0], [1, 1, 1, 1], {"a": 1}),
]


def mutate(content: bytes, seed: int) -> bytes | None:
    """Replaces, removes, doubles or wraps one value; None if the content is no JSON."""
    try:
        tree = json.loads(content)
    except (ValueError, RecursionError):
        return None
    choose = random.Random(seed)  # noqa: S311  nothing secret
    places = list(_places(tree))
    if not places:
        return None
    parent, key = choose.choice(places)
    kind = choose.choice(["lure", "lure", "nudge", "nudge", "remove", "double", "wrap", "swap"])
    if kind == "remove":
        del parent[key]
    elif kind == "double" and isinstance(parent, list):
        parent.insert(key, parent[key])
    elif kind == "wrap":
        parent[key] = [parent[key]]
    elif kind == "swap":
        other, place = choose.choice(places)
        parent[key] = json.loads(json.dumps(other[place]))
    else:
        parent[key] = choose.choice(LURES) if kind == "lure" else _nudged(parent[key], choose)
    return json.dumps(tree).encode()


def _places(node: Any) -> Any:
    """(parent, key) of each value in a tree."""
    keys = list(node) if isinstance(node, dict) else range(len(node)) if isinstance(node, list) else ()
    for key in keys:
        yield node, key
        yield from _places(node[key])


def _nudged(value: Any, choose: random.Random) -> Any:
    if isinstance(value, bool):
        return not value
    if isinstance(value, int | float):
        return choose.choice([value + 1, value - 1, -value, value * 2, value / 3])
    if isinstance(value, str):
        place = choose.randrange(len(value) + 1)
        return value[:place] + choose.choice(["", "/", "\x00", "é", "9", "-"]) + value[place + 1 :]
    return value
