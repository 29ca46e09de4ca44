from onnxcam.bulk.columns import COLUMNS, ID, Row


def test_every_field_is_a_column_of_a_type_that_every_reader_of_parquet_has():
    assert list(COLUMNS) == list(Row.__dataclass_fields__)
    assert set(COLUMNS.values()) == {"string", "binary", "int64", "float32"}
    assert {name for name, kind in COLUMNS.items() if kind == "binary"} == {"map", "pixels"}
    assert COLUMNS["class_index"] == "int64"
    assert COLUMNS[ID] == "string"
