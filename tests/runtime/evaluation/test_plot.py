from xml.etree import ElementTree as ET

from onnxcam.evaluation.plot import curves_as_svg, is_plot

SVG = "{http://www.w3.org/2000/svg}"


def parsed(text):
    return ET.fromstring(text)  # noqa: S314  it is our own


def test_each_curve_is_a_line_from_the_left_to_the_right():
    text = curves_as_svg("Deletion <of> 2", "a & b", {"grad-cam": [1, 0.5, 0]}, {"random": [0.5, 0.5, 0.5]})
    root = parsed(text)
    lines = [line.get("points") for line in root.iter(f"{SVG}polyline")]
    assert lines == ["60.0,46.0 315.0,209.0 570.0,372.0", "60.0,209.0 315.0,209.0 570.0,209.0"]
    words = [element.text for element in root.iter(f"{SVG}text")]
    assert {"Deletion <of> 2", "a & b", "grad-cam", "random"} <= set(words)


def test_lines_differ_by_colour_and_dashes():
    methods, baselines = ({f"{kind}{n}": [1, 0] for n in range(count)} for kind, count in (("m", 10), ("b", 4)))
    root = parsed(curves_as_svg("", "", methods, baselines))
    styles = [(line.get("stroke"), line.get("stroke-dasharray")) for line in root.iter(f"{SVG}polyline")]
    assert len(set(styles)) == 14


def test_our_own_plots_are_known():
    assert is_plot(curves_as_svg("", "", {}, {}).encode())
    assert not is_plot(b'<svg xmlns="http://www.w3.org/2000/svg"></svg>')
