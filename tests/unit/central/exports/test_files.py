"""Files read back by other programs' readers."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path

import pytest
from openpyxl import load_workbook
from pypdf import PdfReader

from central.exports.cells import Head, Value
from central.exports.files import open_file
from central.exports.model import Format

HEADS = [Head("名称", "text"), Head("电量 (kWh)", "number", 3), Head("时间 (Asia/Shanghai)", "stamp"), Head("日", "day")]
ROW: list[Value] = ["=HYPERLINK(1)", Decimal("123456789.012"), datetime(2026, 11, 22, 8, 30, 5), date(2026, 11, 22)]
EMPTY: list[Value] = ["一号楼 101 室", None, None, None]


def written(folder: Path, kind: Format, rows: Sequence[Sequence[Value]]) -> Path:
    path = folder / f"file.{kind}"
    file = open_file(kind, path, ["设备", "=about"], HEADS, "第 %s 页，共 %s 页")
    for row in rows:
        file.write(row)
    file.close()
    return path


def test_csv_is_utf8_with_a_mark_and_holds_no_formula(tmp_path: Path) -> None:
    path = written(tmp_path, Format.CSV, [ROW, EMPTY])
    assert path.read_bytes().startswith(b"\xef\xbb\xbf")
    with path.open(encoding="utf-8-sig", newline="") as file:
        lines = list(csv.reader(file))
    assert lines[:3] == [["设备"], ["'=about"], []]
    assert lines[4:] == [["'=HYPERLINK(1)", "123456789.012", "2026-11-22 08:30:05", "2026-11-22"], ["一号楼 101 室", "", "", ""]]


def test_workbook_has_numbers_as_numbers_and_formulas_as_texts(tmp_path: Path) -> None:
    sheet = load_workbook(written(tmp_path, Format.XLSX, [ROW, EMPTY])).active
    first = sheet[5]
    assert [cell.value for cell in first] == ["=HYPERLINK(1)", 123456789.012, datetime(2026, 11, 22, 8, 30, 5), datetime(2026, 11, 22)]
    assert [cell.data_type for cell in first] == ["s", "n", "d", "d"]
    assert first[1].number_format == "#,##0.000"
    assert [cell.value for cell in sheet[6]] == ["一号楼 101 室", None, None, None]
    assert sheet.freeze_panes == "B5"


def test_workbook_keeps_a_number_too_long_for_a_spreadsheet_as_text(tmp_path: Path) -> None:
    sheet = load_workbook(written(tmp_path, Format.XLSX, [["m", Decimal("9223372036854775.807"), None, None]])).active
    assert sheet["B5"].value == "9223372036854775.807"


def test_pdf_has_chinese_heads_on_every_page_and_numbers_its_pages(tmp_path: Path) -> None:
    pages = PdfReader(written(tmp_path, Format.PDF, [EMPTY, *[["甲乙" * 60, Decimal(7), None, None]] * 60])).pages
    texts = [page.extract_text() for page in pages]
    assert len(texts) > 2
    assert all("名称" in text for text in texts)
    assert "一号楼 101 室" in texts[0]
    assert "设备" in texts[0]
    assert "第 2 页" in texts[1]
    assert pages[0].mediabox.width > pages[0].mediabox.height


@pytest.mark.parametrize("kind", list(Format))
def test_a_file_without_rows_is_a_file(tmp_path: Path, kind: Format) -> None:
    assert written(tmp_path, kind, []).stat().st_size > 0
