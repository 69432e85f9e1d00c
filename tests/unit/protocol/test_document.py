from __future__ import annotations

import pytest
from pydantic import TypeAdapter

from protocol.document import parse_toml, parse_yaml
from protocol.errors import ConfigError
from protocol.record import Record


class Point(Record):
    name: str
    x: int
    children: tuple[Point, ...] = ()


POINT: TypeAdapter[Point] = TypeAdapter(Point)


def problems(text: str, parse=parse_yaml) -> list[str]:
    with pytest.raises(ConfigError) as error:
        parse(text, "plan.yaml", POINT)
    return str(error.value.message).splitlines()


def test_valid_text_becomes_a_frozen_record():
    assert parse_yaml("name: a\nx: 1\nchildren:\n- {name: b, x: 2}\n", "plan.yaml", POINT) == Point(name="a", x=1, children=(Point(name="b", x=2),))


def test_json_is_yaml():
    assert parse_yaml('{"name": "a", "x": 1}', "plan.json", POINT) == Point(name="a", x=1)


def test_every_mistake_is_named_with_its_line():
    found = problems("name: a\nx: one\nchildren:\n- name: b\n  x: 2\n  colour: blue\n- x: 3\n")

    assert [line.partition(": ")[0] for line in found] == ["plan.yaml:2", "plan.yaml:6", "plan.yaml:7"]
    assert "got 'one'" in found[0]
    assert "unknown key" in found[1]
    assert "children.1.name" in found[2]
    assert "missing" in found[2]


def test_key_that_stands_twice_is_refused_at_its_second_line():
    assert problems("name: a\nx: 1\nname: b\n") == ["plan.yaml:3: key 'name' stands twice; keep one"]


def test_many_mistakes_are_counted_not_listed_without_end():
    found = problems("name: a\nx: 1\nchildren:\n" + "- {name: b, x: none}\n" * 50)

    assert len(found) == 21
    assert found[-1] == "(+30 more)"


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("name: a\nx: [1\n", 3),
        ("name: a\n\tx: 1\n", 2),
        ("name: a\nx: @\n", 2),
        ("name: a\nx: 2001-13-45\n", 2),
        ("? [a]\n: 1\n", 1),
        ("name: !!python/object:os.system a\nx: 1\n", 1),
    ],
    ids=["open bracket", "tab", "reserved character", "no such date", "list as key", "foreign tag"],
)
def test_text_that_is_no_yaml_is_refused_with_its_line(text: str, line: int):
    (problem, *_) = problems(text)

    assert problem.startswith(f"plan.yaml:{line}: not valid YAML: ")


@pytest.mark.parametrize("text", ["", "# only a comment\n", "just text", "- a\n- b\n"])
def test_text_that_is_no_mapping_is_refused(text: str):
    assert problems(text)[0].startswith("plan.yaml:1: ")


def test_aliases_cannot_make_a_small_file_large():
    bomb = "a: &a [x]\n" + "".join(f"{chr(98 + n)}: &{chr(98 + n)} [{', '.join(['*' + chr(97 + n)] * 10)}]\n" for n in range(8))

    assert problems(bomb)[0].startswith("plan.yaml:")


def test_nesting_without_end_is_refused():
    assert problems("name: a\nx: " + "[" * 100_000) == ["plan.yaml:2: nested more than 50 levels deep"]


def test_more_values_than_any_site_has_are_refused_before_they_are_built(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("protocol.document._MAX_VALUES", 10)
    assert problems("- a\n" * 11) == ["plan.yaml: more than 10 keys and values; is this the right file?"]


def test_whole_record_checks_name_the_line_of_their_path():
    with pytest.raises(ConfigError, match=r"plan\.yaml:4: two is too many"):
        parse_yaml("name: a\nx: 1\nchildren:\n- {name: b, x: 2}\n", "plan.yaml", POINT, lambda point: [(("children", 0, "x"), "two is too many")])


def test_toml_becomes_the_same_record():
    assert parse_toml('name = "a"\nx = 1\n', "settings.toml", POINT) == Point(name="a", x=1)


def test_toml_mistakes_are_named_with_their_line():
    assert problems('name = "a"\nx = "one"\ncolour = 1\n', parse_toml)[0].startswith("plan.yaml:2: x: ")
    assert problems('name = "a"\nx = 1\ncolour = 1\n', parse_toml) == ["plan.yaml:3: colour: unknown key; remove it or correct its spelling"]


def test_text_that_is_no_toml_is_refused():
    assert problems("name = \n", parse_toml)[0].startswith("plan.yaml: not valid TOML")
