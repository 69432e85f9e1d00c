"""A PDF to print: landscape A4, heads on every page, Chinese and Latin by the font every reader has for Chinese documents.

The font is one of the standard Chinese ones a PDF may name without carrying it, so files are small and the server needs no font.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path

from reportlab.lib.pagesizes import A4, landscape
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.cidfonts import UnicodeCIDFont
from reportlab.pdfgen.canvas import Canvas

from central.exports.cells import Head, Value

_FONT = "STSong-Light"
_SIZE, _TITLE_SIZE, _LEADING = 7.5, 12.0, 9.5
_MARGIN, _PADDING = 28.0, 3.0
_MAX_LINES = 6  # of a cell; what is longer ends in "…"
_SAMPLE = 200  # rows by whose longest words the widths are chosen
_WIDE, _NARROW = 150.0, 34.0


class PdfFile:
    """Rows are kept until `close`, because their widths decide the layout; their number is limited by the caller."""

    def __init__(self, path: Path, about: Sequence[str], heads: Sequence[Head], page_text: str) -> None:
        pdfmetrics.registerFont(UnicodeCIDFont(_FONT))
        self._about, self._heads, self._page_text = about, heads, page_text
        self._rows: list[list[str]] = []
        self._canvas = Canvas(str(path), pagesize=landscape(A4), pageCompression=1)
        self._width, self._height = landscape(A4)

    def write(self, row: Sequence[Value]) -> None:
        """One row."""
        self._rows.append([_text(value) for value in row])

    def close(self) -> None:
        """Lay out the pages."""
        self._canvas.setTitle(self._about[0])
        widths = _widths([head.text for head in self._heads], self._rows[:_SAMPLE], self._width - 2 * _MARGIN)
        y = self._headed(self._titled(), widths)
        for row in self._rows:
            lines = [_wrapped(text, width - 2 * _PADDING) for text, width in zip(row, widths, strict=True)]
            height = max(len(cell) for cell in lines) * _LEADING + 2
            if y - height < _MARGIN + _LEADING:
                self._end_page()
                y = self._headed(self._height - _MARGIN, widths)
            self._drawn(lines, widths, y)
            y -= height
        self._end_page()
        self._canvas.beginForm("pages")
        self._canvas.setFont(_FONT, _SIZE)
        self._canvas.drawString(0, 0, str(self._canvas.getPageNumber() - 1))
        self._canvas.endForm()
        self._canvas.save()

    def _titled(self) -> float:
        """The lines about the file; returns where the table begins."""
        y = self._height - _MARGIN - _TITLE_SIZE
        self._canvas.setFont(_FONT, _TITLE_SIZE)
        self._canvas.drawString(_MARGIN, y, self._about[0])
        self._canvas.setFont(_FONT, _SIZE)
        for line in self._about[1:]:
            for part in _wrapped(line, self._width - 2 * _MARGIN):
                y -= _LEADING
                self._canvas.drawString(_MARGIN, y, part)
        return y - _LEADING

    def _headed(self, y: float, widths: Sequence[float]) -> float:
        lines = [_wrapped(head.text, width - 2 * _PADDING) for head, width in zip(self._heads, widths, strict=True)]
        height = max(len(cell) for cell in lines) * _LEADING + 4
        self._canvas.setFillGray(0.92)
        self._canvas.rect(_MARGIN, y - height, sum(widths), height, stroke=0, fill=1)
        self._canvas.setFillGray(0)
        self._drawn(lines, widths, y)
        return y - height

    def _drawn(self, lines: Sequence[Sequence[str]], widths: Sequence[float], y: float) -> None:
        self._canvas.setFont(_FONT, _SIZE)
        x = _MARGIN
        for head, cell, width in zip(self._heads, lines, widths, strict=True):
            for number, text in enumerate(cell):
                baseline = y - _SIZE - 1 - number * _LEADING
                if head.shape == "number":
                    self._canvas.drawRightString(x + width - _PADDING, baseline, text)
                else:
                    self._canvas.drawString(x + _PADDING, baseline, text)
            x += width

    def _end_page(self) -> None:
        """Number it. The last page's number is known at the end only: a form of that name is filled in then."""
        before, _, after = self._page_text.replace("%s", str(self._canvas.getPageNumber()), 1).partition("%s")
        self._canvas.setFont(_FONT, _SIZE)
        self._canvas.drawString(_MARGIN, _MARGIN - _LEADING, before)
        self._canvas.saveState()
        self._canvas.translate(_MARGIN + _length(before), _MARGIN - _LEADING)
        self._canvas.doForm("pages")
        self._canvas.restoreState()
        self._canvas.drawString(_MARGIN + _length(before + "000000"), _MARGIN - _LEADING, after)
        self._canvas.showPage()


def _widths(heads: Sequence[str], rows: Sequence[Sequence[str]], room: float) -> list[float]:
    """Each column as wide as its longest text among the sample, within bounds, all of them together as wide as the page."""
    wanted = []
    for column, head in enumerate(heads):
        longest = max([_length(row[column]) for row in rows], default=0.0)
        wanted.append(min(_WIDE, max(_NARROW, longest + 2 * _PADDING + 2, _length(head) / 2 + 2 * _PADDING)))
    scale = room / sum(wanted)
    return [width * scale for width in wanted]


def _wrapped(text: str, room: float) -> list[str]:
    lines = list(_lines(text, room))
    if len(lines) <= _MAX_LINES:
        return lines
    return [*lines[: _MAX_LINES - 1], lines[_MAX_LINES - 1][:-1] + "…"]


def _lines(text: str, room: float) -> Iterator[str]:
    """Broken after a blank where there is one, else anywhere: Chinese has none."""
    line = ""
    for letter in text:
        if line and _length(line + letter) > room:
            cut = line.rfind(" ") + 1
            yield line[:cut].rstrip() if cut > 1 else line
            line = line[cut:] + letter if cut > 1 else letter
        else:
            line += letter
    yield line


def _length(text: str) -> float:
    return float(pdfmetrics.stringWidth(text, _FONT, _SIZE))


def _text(value: Value) -> str:
    if value is None:
        return "—"
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%d %H:%M:%S}"
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, Decimal | int):
        return f"{value:,}"
    return "".join(letter if letter.isprintable() else " " for letter in value)
