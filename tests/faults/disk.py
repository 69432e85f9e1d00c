"""A disk under a journaling file system, fed with a record of operations: what it may hold after a power cut. Pure.

What survives for certain: the bytes and the size of a file as they were at its last fsync, and names up to the last one that a directory
fsync covered. Everything else may or may not have reached the disk:
    data        each 512-byte sector holds the file's content of any moment since the last fsync, independently of other sectors
    size        a truncation may be missing, and then nothing written behind it is there; growth may be there without its data, as zeros
    names       the file system writes creations, renames and removals in their order, so any first part of them is there (ext4, XFS)
It is harsher than ext4 in one point: the fsync of a file does not secure its name.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from random import Random

from tests.faults.recorder import Operation

SECTOR = 512
_CHANCES = (0.1, 0.5, 0.9, 0.98)  # of a sector version to have been written back


class Cut(StrEnum):
    """What of the unsure part is there: nothing, any part of it, names but no data, or all (which is what kill -9 leaves)."""

    LOST = "lost"
    RANDOM = "random"
    NAMES = "names"
    ALL = "all"


@dataclass(slots=True, eq=False)
class _File:
    """Content at the last fsync, content now, and between them the writes (offset, data) and truncations (new size) in order."""

    durable: bytearray = field(default_factory=bytearray)
    now: bytearray = field(default_factory=bytearray)
    pending: list[tuple[int, bytes] | int] = field(default_factory=list)


_Names = dict[str, _File | None]  # path -> file, or None for a directory
_Change = list[tuple[str, bool, _File | None]]  # (path, whether it is there afterwards, file) that happen together


class Disk:
    """The state of everything below one folder. Paths are relative to it."""

    def __init__(self, root: Path) -> None:
        self._root = str(root.resolve())
        self._files: dict[int, _File] = {}
        self._durable: _Names = {}
        self._now: _Names = {}
        self._changes: list[_Change] = []

    def adopt(self) -> None:
        """Take what lies in the folder now as safely written."""
        root = Path(self._root)
        for path in sorted(root.rglob("*")):
            name = str(path.relative_to(root))
            if path.is_file() and not path.is_symlink():
                self._files[path.stat().st_ino] = file = _File(bytearray(path.read_bytes()), bytearray(path.read_bytes()))
                self._durable[name] = self._now[name] = file
            elif path.is_dir():
                self._durable[name] = self._now[name] = None

    def prepare(self, folder: str) -> None:
        """A directory that was there before anything was recorded."""
        self._durable[folder] = self._now[folder] = None

    def apply(self, one: Operation) -> None:
        """Take one recorded operation in. Raises ValueError for what the model does not cover."""
        match one.op:
            case "W":
                self._write(self._files[one.inode], one.offset, one.data)
            case "T":
                file = self._files[one.inode]
                file.pending.append(one.offset)
                _resize(file.now, one.offset)
            case "S":
                file = self._files[one.inode]
                file.durable, file.pending = bytearray(file.now), []
            case "Z":
                file = self._files[one.inode]
                for content in (file.durable, file.now):
                    content[one.offset : one.offset + len(one.data)] = one.data
            case "D":
                self._sync_names(self._inside(one.path))
            case _:
                self._rename(one)

    def after_cut(self, chance: Random, cut: Cut) -> dict[str, bytes | None]:
        """One content of the disk after the power went: bytes of each file by path, None for a directory."""
        kept = {Cut.LOST: 0, Cut.RANDOM: chance.randint(0, len(self._changes))}.get(cut, len(self._changes))
        names = dict(self._durable)
        for change in self._changes[:kept]:
            _make(names, change)
        return {path: None if file is None else _content(file, chance, cut) for path, file in sorted(names.items())}

    def _write(self, file: _File, offset: int, data: bytes) -> None:
        file.pending.append((offset, data))
        _put(file.now, offset, data)

    def _rename(self, one: Operation) -> None:
        path = self._inside(one.path)
        match one.op:
            case "C":
                file = self._files[one.inode] = _File()
                change: _Change = [(path, True, file)]
            case "K":
                change = [(path, True, None)]
            case "U":
                change = [(path, False, None)]
            case "R":
                change = [(path, False, None), (self._inside(one.data.decode()), True, self._now[path])]
            case "L":
                change = [(self._inside(one.data.decode()), True, self._now[path])]
            case _:
                raise ValueError(f"operation {one.op} on {one.path or one.inode} is not modelled")
        _make(self._now, change)
        self._changes.append(change)

    def _sync_names(self, folder: str) -> None:
        """A directory fsync commits the journal up to the last change in that directory."""
        touching = [number for number, change in enumerate(self._changes) if any(_parent(path) == folder for path, _, _ in change)]
        for change in self._changes[: touching[-1] + 1] if touching else []:
            _make(self._durable, change)
        self._changes = self._changes[touching[-1] + 1 :] if touching else self._changes

    def _inside(self, path: str) -> str:
        return path.removeprefix(self._root).lstrip("/")


def lay_out(content: dict[str, bytes | None], folder: Path) -> None:
    """Write such a content down."""
    folder.mkdir()
    for path, data in content.items():
        if data is None:
            (folder / path).mkdir(parents=True, exist_ok=True)
        else:
            (folder / path).write_bytes(data)


def _make(names: _Names, change: _Change) -> None:
    for path, there, file in change:
        if there:
            names[path] = file
        else:
            names.pop(path, None)


def _content(file: _File, chance: Random, cut: Cut) -> bytes:
    if cut is Cut.ALL or not file.pending:
        return bytes(file.now)
    if cut is not Cut.RANDOM:
        return bytes(file.durable)
    return _torn(file, chance)


def _torn(file: _File, chance: Random) -> bytes:
    """Every sector stops at a moment of its own; the file's size stops at one truncation."""
    content, stale, kept = bytearray(file.durable), set[int](), chance.choice(_CHANCES)
    grows = chance.random() < 0.5
    for step in file.pending:
        if isinstance(step, int):
            if chance.random() > kept:
                break
            _resize(content, step)
            continue
        offset, data = step
        if grows and len(content) < offset + len(data):
            _resize(content, offset + len(data))
        for sector in range(offset // SECTOR, (offset + len(data) - 1) // SECTOR + 1):
            if sector in stale or chance.random() > kept:
                stale.add(sector)
                continue
            first, last = max(offset, sector * SECTOR), min(offset + len(data), (sector + 1) * SECTOR)
            _put(content, first, data[first - offset : last - offset])
    return bytes(content)


def _put(content: bytearray, offset: int, data: bytes) -> None:
    if len(content) < offset:
        _resize(content, offset)
    content[offset : offset + len(data)] = data


def _resize(content: bytearray, size: int) -> None:
    if size <= len(content):
        del content[size:]
    else:
        content.extend(bytes(size - len(content)))


def _parent(path: str) -> str:
    return path.rpartition("/")[0]
