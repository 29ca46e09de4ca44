import json
from pathlib import Path

import pytest

from onnxcam import OutputError
from onnxcam.batch.place import Place

SETTINGS = {"model": "0" * 64, "level": 1}


def test_a_new_place_is_taken_and_the_same_job_takes_it_up(tmp_path):
    place = Place.named(f"{tmp_path}/new/maps.parquet/")
    assert place.output == f"{tmp_path}/new/maps.parquet"
    assert not place.begin(SETTINGS)
    assert json.loads(Path(f"{place.state}/settings.json").read_text()) == SETTINGS
    assert place.begin(SETTINGS)
    assert place.count() == (0, 0, 0)


def test_another_job_or_other_files_are_refused(tmp_path):
    place = Place.named(str(tmp_path / "maps.parquet"))
    place.begin(SETTINGS)
    with pytest.raises(OutputError, match="was begun with another level, 1 and not 2; give the same, or name another"):
        place.begin({**SETTINGS, "level": 2})
    with pytest.raises(OutputError, match="exists, and no job of onnxcam batch wrote it; name another output"):
        Place.named(str(tmp_path)).begin(SETTINGS)


def test_places_that_cannot_be(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match=r"^cannot write .*/file/maps\.parquet: "):
        Place.named(str(tmp_path / "file/maps.parquet")).begin(SETTINGS)
    with pytest.raises(OutputError, match="the name of the output is empty"):
        Place.named("")


def test_damaged_settings_are_one_sentence(tmp_path):
    place = Place.named(str(tmp_path / "maps.parquet"))
    place.begin(SETTINGS)
    Path(f"{place.state}/settings.json").write_text("{")
    with pytest.raises(OutputError, match=r"^cannot write "):
        place.begin(SETTINGS)
