"""``onnxcam batch`` from its source to Parquet, and what other programs read there."""

from __future__ import annotations

import duckdb
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import onnxcam
from onnxcam.batch.job import Request, run
from onnxcam.batch.place import Place
from onnxcam.bulk.columns import COLUMNS
from onnxcam.bulk.rows import Wish
from onnxcam.bulk.sources import parsed

pytestmark = [
    pytest.mark.usefixtures("cluster"),
    # Ray's, about its own settings, and where there are fewer images than workers.
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:The minimum number of concurrent actors"),
]


def request_of(source, output, model, wish=None, **options):
    return Request(parsed(str(source)), Place.named(str(output)), wish or Wish(), model, workers=2, **options)


def test_a_folder_becomes_parquet_and_a_second_run_adds_what_is_new(photographs, tmp_path, model):
    output = tmp_path / "maps.parquet"
    wish = Wish((0, -1))
    result = run(request_of(f"{photographs}/deep", output, model, wish))
    assert (result.images, result.rows, result.failed, result.resumed) == (15, 30, 0, False)
    result = run(request_of(photographs, output, model, wish))
    assert (result.images, result.rows, result.failed, result.resumed) == (32, 62, 2, True)
    frame = pd.read_parquet(output)
    assert list(frame.columns) == list(COLUMNS)
    assert sorted(frame[frame["error"].notna()]["path"]) == [str(photographs / f) for f in ("damaged.jpg", "empty.png")]
    assert frame.groupby("path").size().value_counts().to_dict() == {2: 30, 1: 2}
    explainer = onnxcam.Explainer(model, threads=1)
    for _, row in frame[frame["error"].isna()].iloc[::7].iterrows():
        explanation = explainer.explain(row["path"], int(row["class_index"]), level=1)
        (grad_cam,) = explanation.grad_cam()
        height, width = int(row["map_height"]), int(row["map_width"])
        back = np.frombuffer(row["map"], "<f2").reshape(height, width) * row["peak"]
        np.testing.assert_allclose(back, grad_cam, rtol=2e-3, atol=1e-3 * row["peak"])
        assert row["score"] == pytest.approx(explanation.scores[0, explanation.class_index[0]], rel=1e-5)
    of_polars = pl.read_parquet(str(output / "*.parquet"))
    assert of_polars["map"].dtype == pl.Binary
    assert of_polars.filter(pl.col("error").is_null())["energy"].sum() == pytest.approx(frame["energy"].sum(), rel=1e-5)
    of_duckdb = duckdb.read_parquet(f"{output}/*.parquet").filter("error is null")
    assert of_duckdb.aggregate("count(distinct hash)").fetchall() == [(30,)]


def test_a_table_of_bytes(photographs, tmp_path, model):
    table = tmp_path / "images.parquet"
    names = ["00.png", "damaged.jpg"]
    contents = [(photographs / name).read_bytes() for name in names]
    pq.write_table(pa.table({"path": [*names, "none"], "image": [*contents, None]}), table)
    run(request_of(table, tmp_path / "maps.parquet", model, Wish(level=2), column="image"))
    frame = pd.read_parquet(tmp_path / "maps.parquet").set_index("path")
    assert frame.loc["00.png", "pixels_height"] == 8
    assert frame.loc["none", "error"] == "there are no bytes"
    assert "damaged.jpg" in frame.loc["damaged.jpg", "error"]


def test_a_model_or_a_place_that_does_not_fit_is_said_before_the_job(photographs, tmp_path, model):
    with pytest.raises(onnxcam.LayerError, match="no target layer 'nothing'"):
        run(request_of(photographs, tmp_path / "maps.parquet", model, Wish(layer="nothing")))
    with pytest.raises(onnxcam.ProviderError, match="do not fit into a cluster"):
        run(request_of(photographs, tmp_path / "maps.parquet", model, threads=64))
    assert not (tmp_path / "maps.parquet.state").exists()
