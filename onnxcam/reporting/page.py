"""The report as one HTML file that loads nothing: styles, script and pictures are inside.

Labels, file names and all other text come from files, so they are escaped. The page allows the one script and the one
style sheet in it, by their hashes, and no others.
"""

from __future__ import annotations

import base64
from hashlib import sha256
from html import escape
from importlib import resources
from string import Template
from typing import TYPE_CHECKING

from onnxcam.methods import TITLES
from onnxcam.render.captions import note
from onnxcam.reporting.content import LIMITS
from onnxcam.reporting.facts import facts
from onnxcam.reporting.pictures import coloured_map, grey_picture
from onnxcam.text import one_line

if TYPE_CHECKING:
    from collections.abc import Iterable

    from onnxcam.reporting.averages import ClassAverage
    from onnxcam.reporting.content import Report
    from onnxcam.reporting.entries import Entry, ExplainedClass
    from onnxcam.scores import ClassScore

_LONGEST = 300


def page(report: Report, twin: str, twin_sha256: str) -> str:
    """The HTML of a report.

    Args:
        report: The content.
        twin: The name of the file with the same facts as JSON, which lies beside it.
        twin_sha256: Its hash.
    """
    style, script = _template("style.css"), _template("page.js")
    return Template(_template("page.html")).substitute(
        style=style,
        script=script,
        style_hash=_hash(style),
        script_hash=_hash(script),
        title=_text(report.title),
        summary=_summary(report),
        failures=_failures(report),
        classes="".join(_class_card(one) for one in report.classes),
        class_options="".join(_option(one.target) for one in report.classes),
        has_labels="" if report.summary["with_true_class"] else "hidden",
        has_faithfulness="hidden disabled" if report.convention is None else "",
        method=_text(TITLES[report.method]),
        note=_text(note(report.method, [report.layer])),
        convention=_text(report.convention or "Faithfulness was not measured."),
        pictures="".join(_picture_card(entry, number) for number, entry in enumerate(report.entries)),
        model=_definitions(_model_facts(report)),
        limits="".join(f"<li>{_text(limit, 2 * _LONGEST)}</li>" for limit in LIMITS),
        run=_definitions((name, str(value)) for name, value in report.run.items()),
        twin=_text(twin),
        twin_sha256=twin_sha256,
    )


def _picture_card(entry: Entry, number: int) -> str:
    first = entry.explained[0]
    areas = first.faithfulness
    name = _text(entry.path.name)
    return Template(_template("picture.html")).substitute(
        number=number,
        name=name,
        path=_text(str(entry.path)),
        label=_text(entry.top[0].label),
        index=entry.top[0].index,
        true=-1 if entry.true is None else entry.true.index,
        mistake=int(bool(entry.is_mistake)),
        score=_number(entry.top[0].score if entry.top[0].probability is None else entry.top[0].probability),
        deletion="" if areas is None else _number(areas.deletion),
        insertion="" if areas is None else _number(areas.insertion),
        width=entry.size[0],
        height=entry.size[1],
        photograph=entry.photograph,
        maps="".join(_map(one, entry, shown=place == 0) for place, one in enumerate(entry.explained)),
        verdict=_verdict(entry),
        choices=_choices(entry, number),
        top="".join(f"<tr><td>{_text(item.label)}</td><td>{_figure(item)}</td></tr>" for item in entry.top),
        sha256=entry.sha256,
        maps_sha256="".join(f"<br>map of {_text(one.target.label)}: {one.sha256}" for one in entry.explained),
        notes="".join(f'<p class="note">{_text(remark)}</p>' for remark in entry.notes),
    )


def _map(one: ExplainedClass, entry: Entry, *, shown: bool) -> str:
    left, top, width, height = entry.box
    place = f"left:{left:.3f}%;top:{top:.3f}%;width:{width:.3f}%;height:{height:.3f}%"
    hidden = "" if shown else " hidden"
    return f'<img class="map" alt="" src="{one.overlay}" style="{place}"{hidden}>'


def _verdict(entry: Entry) -> str:
    if entry.true is None:
        return ""
    if not entry.is_mistake:
        return '<span class="right">right</span>'
    return f'<span class="wrong">wrong: it shows {_text(entry.true.label)}, {_figure(entry.true)}</span>'


def _choices(entry: Entry, number: int) -> str:
    """Which class's map is shown, with the faithfulness of each; a choice if there are two."""
    lines = []
    for place, one in enumerate(entry.explained):
        areas = one.faithfulness
        measured = "" if areas is None else f" · deletion {areas.deletion:.2f}, insertion {areas.insertion:.2f}"
        text = f"{_text(one.target.label)}, {one.why}{measured}"
        if len(entry.explained) > 1:
            checked = " checked" if place == 0 else ""
            text = f'<label><input type="radio" name="map{number}" value="{place}"{checked}> {text}</label>'
        lines.append(f"<li>{text}</li>")
    return "".join(lines)


def _class_card(one: ClassAverage) -> str:
    mistakes = "" if one.mistakes is None else f", {one.mistakes} wrong"
    probability = "" if one.probability is None else f", {one.probability:.1%} on average"
    return Template(_template("class.html")).substitute(
        label=_text(one.target.label),
        index=one.target.index,
        seen=grey_picture(one.seen),
        map=coloured_map(one.values),
        counts=f"{_count(one.pictures, 'picture')}{mistakes}{probability}",
    )


def _summary(report: Report) -> str:
    summary = report.summary
    parts = [f"{_count(summary['pictures'], 'picture')} of {_count(len(report.classes), 'class')}"]
    if summary["failed"]:
        parts.append(f"{summary['failed']} could not be explained")
    if summary["with_true_class"]:
        parts.append(f"{summary['mistakes']} of {summary['with_true_class']} with a known class are wrong")
    if summary["deletion"] is not None:
        parts.append(f"mean deletion {summary['deletion']:.3f}, insertion {summary['insertion']:.3f}")
    return "; ".join(parts) + "."


def _failures(report: Report) -> str:
    return "".join(f"<li>{_text(one.error)}</li>" for one in report.failures)


def _model_facts(report: Report) -> Iterable[tuple[str, str]]:
    model, golden = report.model, report.model["golden_check"]
    yield "file", model["file"]
    yield "SHA-256", model["sha256"]
    for name, digest in model["weights"].items():
        yield f"SHA-256 of {name}", digest
    yield from facts(report.metadata)
    words = {True: "passed", False: "FAILED", None: "not made"}[golden["passed"]]
    yield "golden check", f"{words}: {golden['reason']}"
    for item in golden["outputs"]:
        yield "", f"{item['name']}: relative error {item['error']:.1e}, allowed {item['tolerance']:.0e}"
    if report.metadata.sanity is None:
        yield (
            "sanity",
            "not checked; 'onnxcam sanity MODEL photos/ --write FILE' puts the result into a copy of the model",
        )


def _definitions(pairs: Iterable[tuple[str, str]]) -> str:
    lines = [
        (f"<dt>{_text(name)}</dt>" if name else "") + f"<dd>{_text(value, 2 * _LONGEST)}</dd>" for name, value in pairs
    ]
    return "".join(lines)


def _option(item: ClassScore) -> str:
    return f'<option value="{item.index}">{_text(item.label)}</option>'


def _figure(item: ClassScore) -> str:
    return f"{item.score:.3f}" if item.probability is None else f"{item.probability:.1%}"


def _number(value: float) -> str:
    return f"{value:.6g}"


def _count(number: int, noun: str) -> str:
    several = f"{noun}es" if noun.endswith("s") else f"{noun}s"
    return f"{number} {noun if number == 1 else several}"


def _text(text: str, longest: int = _LONGEST) -> str:
    return escape(one_line(text, longest))


def _template(name: str) -> str:
    return (resources.files(__package__) / "templates" / name).read_text(encoding="utf-8")


def _hash(text: str) -> str:
    return "sha256-" + base64.b64encode(sha256(text.encode()).digest()).decode("ascii")
