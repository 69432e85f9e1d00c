"""An Excel workbook: numbers are numbers, texts are texts whatever they begin with."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path

import xlsxwriter

from central.exports.cells import Head, Value

_DIGITS = 15  # what a spreadsheet's number holds; a longer one is written as a text, so that no digit is lost
_MAX_TEXT = 32_767  # of a cell; longer ones are cut and say so
_OPTIONS = {"constant_memory": True, "strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False, "in_memory": False}
_WIDTHS = {"number": 16, "stamp": 20, "day": 12, "text": 24}


class XlsxFile:
    """One sheet; heads stay in sight and have filters."""

    def __init__(self, path: Path, about: Sequence[str], heads: Sequence[Head]) -> None:
        self._book = xlsxwriter.Workbook(str(path), {**_OPTIONS, "tmpdir": str(path.parent)})
        self._sheet = self._book.add_worksheet()
        bold, head_look = (
            self._book.add_format({"bold": True}),
            self._book.add_format({"bold": True, "bottom": 1, "text_wrap": True, "valign": "top"}),
        )
        self._looks = [self._look(head) for head in heads]
        self._decimal_looks: dict[int, object] = {}
        for column, head in enumerate(heads):
            self._sheet.set_column(column, column, _WIDTHS[head.shape])
        for line, text in enumerate(about):
            self._sheet.write_string(line, 0, text, bold if line == 0 else None)
        self._row = self._first = len(about) + 1
        for column, head in enumerate(heads):
            self._sheet.write_string(self._row, column, head.text, head_look)
        self._sheet.freeze_panes(self._row + 1, 1)
        self._columns = len(heads)

    def write(self, row: Sequence[Value]) -> None:
        """One row."""
        self._row += 1
        for column, value in enumerate(row):
            self._cell(column, value)

    def close(self) -> None:
        """Finish."""
        self._sheet.autofilter(self._first, 0, max(self._row, self._first + 1), self._columns - 1)
        self._book.close()

    def _cell(self, column: int, value: Value) -> None:
        if value is None:
            return
        if isinstance(value, str):
            text = value if len(value) <= _MAX_TEXT else value[: _MAX_TEXT - 1] + "…"
            self._sheet.write_string(self._row, column, text)
        elif isinstance(value, datetime | date):
            self._sheet.write_datetime(self._row, column, value, self._looks[column])
        elif len(Decimal(value).as_tuple().digits) > _DIGITS:
            self._sheet.write_string(self._row, column, f"{value:f}" if isinstance(value, Decimal) else str(value))
        else:
            self._sheet.write_number(self._row, column, value, self._looks[column] or self._decimals(value))

    def _look(self, head: Head) -> object:
        if head.shape == "stamp":
            return self._book.add_format({"num_format": "yyyy-mm-dd hh:mm:ss"})
        if head.shape == "day":
            return self._book.add_format({"num_format": "yyyy-mm-dd"})
        if head.shape == "number" and head.decimals is not None:
            return self._book.add_format({"num_format": _number_format(head.decimals)})
        return None

    def _decimals(self, value: Decimal | int) -> object:
        """The number's own places, where the rows of a column differ in them."""
        exponent = value.as_tuple().exponent if isinstance(value, Decimal) else 0
        places = max(0, -exponent) if isinstance(exponent, int) else 0
        if places not in self._decimal_looks:
            self._decimal_looks[places] = self._book.add_format({"num_format": _number_format(places)})
        return self._decimal_looks[places]


def _number_format(decimals: int) -> str:
    return "#,##0" + ("." + "0" * decimals if decimals else "")
