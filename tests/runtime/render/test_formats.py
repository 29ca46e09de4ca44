from pathlib import Path

import pytest

from onnxcam.errors import OutputError
from onnxcam.render.formats import picture_format


def test_endings():
    assert [picture_format(Path(name)) for name in ("a.png", "a.JPG", "b.jpeg", "c.d.webp")] == [
        "PNG",
        "JPEG",
        "JPEG",
        "WEBP",
    ]


@pytest.mark.parametrize("name", ["a", "a.xyz", ".png", "png"])
def test_unknown_endings(name):
    with pytest.raises(OutputError, match=r"the ending must be one of \.png, \.jpg, \.jpeg, \.webp"):
        picture_format(Path(name))
