import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from onnxcam import PictureError
from onnxcam.batch.images import found
from onnxcam.bulk.sources import parsed


def test_a_folder_is_a_list_of_paths(photographs):
    images = found(parsed(str(photographs)))
    assert (images.count, len(images.paths), images.tables) == (32, 32, None)


@pytest.mark.parametrize("name", ["a.parquet", "part-*.parquet"])
def test_a_table_of_paths_or_bytes(tmp_path, name):
    for part in ("a.parquet", "part-0.parquet", "part-1.parquet"):
        pq.write_table(pa.table({"path": ["x", "y"], "url": ["u", "v"], "image": [b"1", b"2"]}), tmp_path / part)
    files = 1 if name == "a.parquet" else 2
    source = parsed(str(tmp_path / name))
    assert found(source).paths == ["x", "y"] * files
    assert found(source, "url").paths == ["u", "v"] * files
    images = found(source, "image")
    assert (images.count, images.column, len(images.tables)) == (2 * files, "image", files)


def test_bytes_come_before_paths(tmp_path):
    pq.write_table(pa.table({"path": ["x"], "bytes": [b"1"]}), tmp_path / "a.parquet")
    assert found(parsed(str(tmp_path / "a.parquet"))).column == "bytes"


def test_a_folder_of_parquet_is_a_table(tmp_path):
    folder = tmp_path / "images.parquet"
    folder.mkdir()
    for part in range(2):
        pq.write_table(pa.table({"path": [f"{part}"]}), folder / f"{part}.parquet")
    assert found(parsed(str(folder))).paths == ["0", "1"]


def test_a_table_that_does_not_fit_is_one_sentence(tmp_path):
    table = tmp_path / "t.parquet"
    pq.write_table(pa.table({"size": [1], "bytes": [b"x"]}), table)
    for column, words in [
        ("nothing", "has no column nothing, see --column; it has size, bytes"),
        ("size", "the column size of .* holds int64, neither paths nor the bytes of images"),
        (None, "has no column path, which names each image"),
    ]:
        with pytest.raises(PictureError, match=words):
            found(parsed(str(table)), column)
    table.write_bytes(b"no parquet at all")
    with pytest.raises(PictureError, match="as Parquet"):
        found(parsed(str(table)))
