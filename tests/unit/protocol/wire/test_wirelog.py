from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol.errors import ConfigError
from protocol.wire.wirelog import Comment, Received, Sent, Value, parse, render

LOG = """# a comment
> 68 25
< FE 16
= voltage_a 229700
"""
ONE_LINE = st.text(st.characters(codec="utf-8", categories=("L", "N", "P", "S")), max_size=20)
WORD = st.text("abcdefghijklmnopqrstuvwxyz_0123456789", min_size=1, max_size=20)
ENTRIES = st.lists(
    st.one_of(
        st.builds(Sent, st.binary(max_size=20)),
        st.builds(Received, st.binary(max_size=20)),
        st.builds(Value, WORD, ONE_LINE),
        st.builds(Comment, ONE_LINE),
    )
)


def test_log_lines_become_entries():
    assert parse(LOG) == [Comment("a comment"), Sent(b"\x68\x25"), Received(b"\xfe\x16"), Value("voltage_a", "229700")]


def test_entries_become_log_lines():
    assert render(parse(LOG)) == LOG


@given(ENTRIES)
def test_round_trip(entries):
    assert parse(render(entries)) == entries


def test_comment_of_several_lines_stays_one_line():
    assert render([Comment("first\nsecond")]) == "# first second\n"


@pytest.mark.parametrize("line", ["68 25", "> 6", "> 6G", "=", "<> 68"])
def test_wrong_line_is_named(line: str):
    with pytest.raises(ConfigError, match=r"capture\.log:2: "):
        parse(f"# fine\n{line}\n", "capture.log")
