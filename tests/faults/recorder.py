"""Programs run with one of the preload libraries, and the record of what a program asked its disk to do."""

from __future__ import annotations

import fcntl
import hashlib
import os
import struct
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.faults.needs import program

_SOURCES = Path(__file__).parent / "preload"
_HEAD = struct.Struct("<cIQQQ")
_CC = ("-O2", "-Wall", "-Wextra", "-Werror", "-shared", "-fPIC")


@dataclass(frozen=True, slots=True)
class Operation:
    """One thing asked of the disk, or a mark by the program; see preload/record.c. `Z` is damage put there by `spoil`."""

    op: str
    inode: int
    offset: int
    path: str
    data: bytes


def library(name: str) -> Path:
    """The compiled preload library of preload/NAME.c; compiled once for each content of the source."""
    source = _SOURCES / f"{name}.c"
    folder = Path(tempfile.gettempdir()) / f"ce-preload-{os.geteuid()}"
    folder.mkdir(mode=0o755, exist_ok=True)
    built = folder / f"{name}-{hashlib.sha256(source.read_bytes()).hexdigest()[:16]}.so"
    if not built.exists():
        half = built.with_suffix(f".{os.getpid()}")
        compiler = program("cc") or "cc"
        done = subprocess.run([compiler, *_CC, "-o", str(half), str(source), "-ldl", "-lpthread"], capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise RuntimeError(f"{source} does not compile:\n{done.stderr}")
        half.replace(built)
    return built


def recorded(environment: Mapping[str, str], folder: Path, log: Path, kill_at: int | None = None) -> dict[str, str]:
    """The environment that makes a program record what it does below `folder` into `log`, and die before its change number `kill_at`."""
    added = {"LD_PRELOAD": str(library("record")), "CE_RECORD_DIR": str(folder), "CE_RECORD_LOG": str(log)}
    return {**environment, **added} | ({} if kill_at is None else {"CE_RECORD_KILL_AT": str(kill_at)})


def spoil(log: Path, file: Path, offset: int, data: bytes) -> None:
    """Damage a file on the disk itself, between two runs of the program, and say so in the record."""
    with file.open("r+b") as opened:
        opened.seek(offset)
        opened.write(data)
    name = str(file.resolve()).encode()
    with log.open("ab") as out:
        out.write(_HEAD.pack(b"Z", len(name), file.stat().st_ino, offset, len(data)) + name + data)


def mark(log: Path, text: str) -> None:
    """Say something in the record from outside the recorded program."""
    with log.open("ab", buffering=0) as out:
        fcntl.flock(out, fcntl.LOCK_EX)
        out.write(_HEAD.pack(b"!", 0, 0, 0, len(text.encode())) + text.encode())


def read_log(log: Path) -> Iterator[Operation]:
    """Everything recorded, in order. A record that a dying program left half written ends it."""
    raw = log.read_bytes()
    at = 0
    while at + _HEAD.size <= len(raw):
        op, path_length, inode, offset, length = _HEAD.unpack_from(raw, at)
        at += _HEAD.size
        if at + path_length + length > len(raw):
            return
        path = raw[at : at + path_length].decode()
        yield Operation(op.decode(), inode, offset, path, raw[at + path_length : at + path_length + length])
        at += path_length + length
