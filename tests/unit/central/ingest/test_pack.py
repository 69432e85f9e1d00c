"""Binary COPY rows, against the format's own field by field reading."""

from __future__ import annotations

import struct

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from central.ingest.pack import Rows, concatenate, pack

_ROW = struct.Struct(">hiqiqiqih")
_HEAD = 11 + 4 + 4
_INT64 = st.integers(-(2**63), 2**63 - 1)


def rows(*columns: list[int]) -> Rows:
    return Rows(*(np.array(column, np.int64) for column in columns))


def test_stream_has_signature_header_and_trailer():
    packed = pack(rows([1], [946_684_800_000], [5], [0]))

    assert packed[:11] == b"PGCOPY\n\xff\r\n\x00"
    assert packed[11:19] == bytes(8)
    assert packed[-2:] == b"\xff\xff"
    assert len(packed) == _HEAD + _ROW.size + 2


@given(series=st.integers(1, 2**63 - 1), at_ms=st.integers(0, 2**53 + 2**43), value=_INT64, quality=st.integers(0, 4))
def test_every_value_survives_packing(series: int, at_ms: int, value: int, quality: int):
    fields = _ROW.unpack_from(pack(rows([series], [at_ms], [value], [quality])), _HEAD)

    assert fields == (4, 8, series, 8, (at_ms - 946_684_800_000) * 1000, 8, value, 2, quality)


def test_parts_are_joined_in_order():
    joined = concatenate([rows([1], [10], [100], [0]), rows([2, 3], [20, 30], [200, 300], [1, 2])])

    assert (joined.series_id.tolist(), joined.value.tolist(), len(joined)) == ([1, 2, 3], [100, 200, 300], 3)


def test_mask_chooses_rows():
    chosen = rows([1, 2, 3], [1, 2, 3], [7, 8, 9], [0, 0, 0]).where(np.array([True, False, True]))

    assert chosen.value.tolist() == [7, 9]
