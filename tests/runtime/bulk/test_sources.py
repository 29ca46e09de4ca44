import pytest

from onnxcam import PictureError
from onnxcam.bulk.sources import Source, parsed


def test_a_folder_means_its_images(tmp_path):
    source = parsed(f"{tmp_path}/")
    assert source == Source(str(tmp_path))
    assert source.matches("a.jpg")
    assert source.matches("deep/in/B.PNG")
    assert not source.matches("notes.txt")
    assert not source.matches(".cache/a.jpg")
    assert not source.matches("a/.b.jpg")


@pytest.mark.parametrize(
    ("text", "base", "pattern"),
    [
        ("s3://bucket/2026/**/*.jpg", "s3://bucket/2026", "**/*.jpg"),
        ("/data/[ab]*/x?.png", "/data", "[ab]*/x?.png"),
        ("/*.jpg", "/", "*.jpg"),
        ("s3://bucket/plain", "s3://bucket/plain", None),
    ],
)
def test_a_pattern_begins_at_the_first_wildcard(text, base, pattern):
    assert parsed(text) == Source(base, pattern)


def test_a_relative_place_becomes_absolute(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert parsed("photos") == Source(str(tmp_path / "photos"))
    assert parsed("*.jpg") == Source(str(tmp_path), "*.jpg")


def test_a_name_with_brackets_that_is_there_is_no_pattern(tmp_path):
    (tmp_path / "a[1]").mkdir()
    assert parsed(str(tmp_path / "a[1]")) == Source(str(tmp_path / "a[1]"))


@pytest.mark.parametrize("text", ["/t.parquet", "/t.Parquet/", "s3://b/part-*.parquet"])
def test_parquet_is_a_table(text):
    assert parsed(text).is_table


@pytest.mark.parametrize(
    ("pattern", "inside", "outside"),
    [
        ("*.jpg", ["a.jpg", ".jpg"], ["a/b.jpg", "a.jpgx"]),
        ("**/*.jpg", ["a.jpg", "a/b.jpg", "a/b/c.jpg"], ["a.png"]),
        ("20??/*.png", ["2026/a.png"], ["202/a.png", "2026/b/a.png"]),
        ("[!a]b+(c).jpg", ["xb+(c).jpg"], ["ab+(c).jpg", "/b+(c).jpg"]),
        ("[ab].jpg", ["a.jpg", "b.jpg"], ["c.jpg", "ab.jpg"]),
        ("a[.jpg", ["a[.jpg"], ["a.jpg"]),
    ],
)
def test_patterns(pattern, inside, outside):
    source = Source("/", pattern)
    assert [name for name in (*inside, *outside) if source.matches(name)] == inside


def test_an_empty_name_is_an_error():
    with pytest.raises(PictureError, match="the name of the source is empty"):
        parsed("")
