import base64
import re
from html.parser import HTMLParser

from onnxcam.render.html import as_html
from onnxcam.scores import ClassScore


class Elements(HTMLParser):
    """The elements' names, and the text between them."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.names: list[str] = []
        self.text: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.names.append(tag)
        assert all(name in {"src", "style", "alt"} for name, _ in attrs)

    def handle_data(self, data):
        self.text.append(data)


def test_a_picture_and_a_table():
    page = as_html(b"the picture", [ClassScore(1, "cat", 3.2, 0.91), ClassScore(2, "dog", 1.1, 0.05)])
    elements = Elements(page)
    assert elements.names[:2] == ["img", "table"]
    assert elements.text == ["class", "probability", "cat", "91.0%", "dog", "5.0%"]
    assert base64.b64decode(re.search('base64,([^"]*)', page)[1]) == b"the picture"


def test_scores_where_there_are_no_probabilities():
    assert Elements(as_html(b"", [ClassScore(1, "1", 3.2, None)])).text == ["class", "score", "1", "3.20"]


def test_labels_are_text_and_nothing_else():
    label = '<script>alert(\'a\')</script>" onerror="x" {rows} \u202e\udc80\n' + "y" * 10_000
    page = as_html(b"", [ClassScore(1, label, 3.2, 0.5)])
    elements = Elements(page)
    assert set(elements.names) == {"img", "table", "thead", "tbody", "tr", "th", "td"}
    assert elements.text[2].startswith('<script>alert(\'a\')</script>" onerror="x" {rows} \ufffd\ufffd yyy')
    assert len(page) < 2000
    page.encode()
