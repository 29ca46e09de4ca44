"""Rows as Arrow tables."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow as pa

from onnxcam.bulk.columns import COLUMNS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from onnxcam.bulk.columns import Row

SCHEMA = pa.schema([pa.field(name, getattr(pa, kind)()) for name, kind in COLUMNS.items()])


def table(rows: Sequence[Row]) -> pa.Table:
    """The rows as a table of ``SCHEMA``, also if there are none."""
    columns = [pa.array([getattr(row, field.name) for row in rows], field.type) for field in SCHEMA]
    return pa.Table.from_arrays(columns, schema=SCHEMA)
