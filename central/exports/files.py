"""A file being written: the same calls for each format. Writers stream: none keeps the rows in memory, but PDF, whose rows are limited."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import IO, Protocol

from central.exports.cells import Head, Value
from central.exports.formula import harmless
from central.exports.model import Format
from central.exports.pdf import PdfFile
from central.exports.xlsx import XlsxFile


class File(Protocol):
    """`write` rows as often as needed, then `close`."""

    def write(self, row: Sequence[Value]) -> None:
        """One row, a value for each head."""

    def close(self) -> None:
        """Finish the file; without it there is none."""


def open_file(kind: Format, path: Path, about: Sequence[str], heads: Sequence[Head], page_text: str) -> File:
    """Begin a file with the lines about it and the heads. `page_text`: "page" in the reader's language with %s for its number and the last one's."""
    if kind is Format.XLSX:
        return XlsxFile(path, about, heads)
    if kind is Format.PDF:
        return PdfFile(path, about, heads, page_text)
    return CsvFile(path, about, heads)


class CsvFile:
    """UTF-8 with a byte order mark, by which spreadsheets know it; lines end as RFC 4180 says."""

    def __init__(self, path: Path, about: Sequence[str], heads: Sequence[Head]) -> None:
        self._file: IO[str] = path.open("w", encoding="utf-8-sig", newline="")
        self._writer = csv.writer(self._file)
        for line in about:
            self._writer.writerow([harmless(line)])
        self._writer.writerow([])
        self._writer.writerow([harmless(head.text) for head in heads])

    def write(self, row: Sequence[Value]) -> None:
        """Numbers as plain digits with a point, times as 2026-11-22 08:30:00, nothing known as nothing."""
        self._writer.writerow([_plain(value) for value in row])

    def close(self) -> None:
        """Finish."""
        self._file.close()


def _plain(value: Value) -> str:
    if value is None:
        return ""
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%d %H:%M:%S}"
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, Decimal):
        return f"{value:f}"
    return harmless(value) if isinstance(value, str) else str(value)
