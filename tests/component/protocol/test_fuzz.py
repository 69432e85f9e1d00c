"""The fuzzer: a slice of it on every run (`make fuzz` plays a million inputs), and proof that it sees a codec that breaks its promises."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
INPUTS = 60_000
SEED = "7"

SABOTAGE = {
    "an error of another kind escapes": ("load_record", 1000, "load_record.decode_minute = lambda data: {}[data]"),
    "a good frame is lost": ("dlt645", 1000, "stream.FrameStream._discard = lambda self, until: self._drop(self._end)"),
    "memory grows": ("cjt188", 4000, "stream.FrameStream._discard = lambda self, until: None"),
    "work grows": ("dlt645", 200, "of_frame = frame._length; frame._length = lambda buffer, at: [of_frame(buffer, at) for _ in range(3000)][0]"),
    "a frame encodes to other bytes": ("dlt645", 1000, "frame.encode_address = lambda address, size: bytes(size)"),
    "a refusal has no class": ("dlt645", 1000, "replies._refusal = lambda version, request, reply: ValueError()"),
}


def test_no_input_breaks_a_codec():
    played = _python("-m", "tests.fuzz", "--inputs", str(INPUTS), "--seed", SEED)

    assert played.returncode == 0, played.stdout + played.stderr


@pytest.mark.parametrize("what", SABOTAGE)
def test_a_broken_codec_is_seen(what: str):
    codec, inputs, sabotage = SABOTAGE[what]

    played = _python("-c", _PROGRAM.format(codec=codec, inputs=inputs, sabotage=sabotage))

    assert played.stdout.split() == ["broken"], played.stdout + played.stderr


_PROGRAM = """
from protocol.wire import load_record, stream
from protocol.wire.dlt645 import frame, replies
from tests.fuzz.play import play, subjects
subject = next(one for one in subjects() if one.name == {codec!r})
{sabotage}
print("broken" if play(subject, {inputs}, "1").broken else "whole")
"""


def _python(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, *arguments], cwd=ROOT, env=os.environ, capture_output=True, text=True, timeout=110, check=False)
