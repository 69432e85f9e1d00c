"""Making files: by whose rights, by which worker, how many, and for how long. On the small plan of tests/component/central/conftest.py."""

from __future__ import annotations

import csv
import os
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import pytest

from central.context import Central
from central.db.pool import Connection, connect, open_pool
from central.exports import jobs, work
from central.exports.model import MAX_OPEN, Export, Format
from central.identity.guard import Principal
from central.identity.permissions import ROLES, Role
from central.identity.principal import Principal as Person
from central.settings import Settings
from central.web.render import build_renderer
from central.web.translations import Language
from protocol.errors import Conflict, NotFound, Refused

RENDERER = build_renderer(lambda path: path, [])
STOP = threading.Event()


@dataclass
class Clock:
    """Moved by hand."""

    now: float = 1_795_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture(scope="module")
def made(database: str, import_plan: Callable[..., Any], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Central]:
    """Central on the small plan with the accounts `all` (whole site) and `part` (building b1)."""
    with connect(database) as conn:
        import_plan(conn)
        for name, places in (("all", None), ("part", ["b1"])):
            conn.execute("insert into account (name, role, places, created_at) values (%s, 'viewer', %s, now())", [name, places])
    with open_pool(database, max_size=6) as pool:
        yield Central(Settings(data_dir=tmp_path_factory.mktemp("data")), pool, Clock(), database)


@pytest.fixture
def central(made: Central) -> Iterator[Central]:
    """The same with nothing exported yet, and both accounts as they were."""
    yield made
    with made.pool.connection() as conn:
        conn.execute("delete from export_job")
        conn.execute("update account set disabled_at = null, role = 'viewer', places = case when name = 'part' then array['b1'] end")
    for path in work.folder_of(made).iterdir():
        path.unlink()


def person(central: Central, name: str) -> Principal:
    with central.pool.connection() as conn:
        account, places = conn.execute("select account_id, places from account where name = %s", [name]).fetchone() or (0, None)
    return Person(name, ROLES[Role.VIEWER], places, account)


def ask(central: Central, who: Principal, query: str = "", kind: Format = Format.CSV, language: Language = Language.ENGLISH) -> Export:
    with central.pool.connection() as conn:
        return jobs.request_export(conn, who, "devices", kind, query, language, central.clock())


def finish(central: Central, who: Principal, export: Export) -> Export:
    assert work.work_once(central, RENDERER, STOP)
    with central.pool.connection() as conn:
        return jobs.find_export(conn, who, export.id)


def lines_of(central: Central, export: Export) -> list[list[str]]:
    with jobs.path_of(work.folder_of(central), export.id).open(encoding="utf-8-sig", newline="") as file:
        return list(csv.reader(file))


def codes_of(central: Central, export: Export) -> list[str]:
    lines = lines_of(central, export)
    return [line[1] for line in lines[lines.index([]) + 2 :]]


def test_a_file_holds_exactly_what_is_filtered_sorted_and_chosen(central: Central) -> None:
    who = person(central, "all")
    done = finish(central, who, ask(central, who, "f.kind=electricity_meter&sort=address&desc=1&cols=code,address,state"))
    lines = lines_of(central, done)
    assert lines[lines.index([]) + 1] == ["Name", "Name (code)", "State", "Address"]
    assert codes_of(central, done) == ["m2", "m1"]
    assert ["Filters: Kind=Electricity meter"] in lines
    assert (done.state, done.rows_done, done.rows_total) == ("done", 2, 2)
    assert done.bytes == jobs.path_of(work.folder_of(central), done.id).stat().st_size


def test_a_file_speaks_the_asker_s_language(central: Central) -> None:
    who = person(central, "all")
    assert lines_of(central, finish(central, who, ask(central, who, "node=b2", language=Language.CHINESE)))[0] == ["设备"]


def test_a_scope_is_the_one_of_the_moment_the_job_runs(central: Central) -> None:
    who = person(central, "all")
    export = ask(central, who)
    with central.pool.connection() as conn:
        conn.execute("update account set places = array['b2'] where name = 'all'")
    assert codes_of(central, finish(central, who, export)) == ["w1"]


@pytest.mark.parametrize("change", ["disabled_at = now()", "role = 'viewer', places = array['b2']"])
def test_who_lost_the_right_exports_nothing(central: Central, change: str) -> None:
    who = person(central, "part")
    export = ask(central, who, "node=b1")
    with central.pool.connection() as conn:
        conn.execute(f"update account set {change} where name = 'part'")
    done = finish(central, who, export)
    assert done.state == "failed"
    assert not list(work.folder_of(central).iterdir())


def test_a_place_outside_the_scope_cannot_be_asked_for(central: Central) -> None:
    with pytest.raises(NotFound):
        ask(central, person(central, "part"), "node=b2")


def test_another_s_export_is_not_there(central: Central) -> None:
    export = ask(central, person(central, "all"))
    other = person(central, "part")
    with central.pool.connection() as conn:
        for touch in (jobs.find_export, jobs.retry_export):
            with pytest.raises(NotFound):
                touch(conn, other, export.id)
        with pytest.raises(NotFound):
            jobs.cancel_export(conn, other, export.id, 0)
        with pytest.raises(NotFound):
            jobs.delete_export(conn, other, export.id, work.folder_of(central), 0)
        assert jobs.list_exports(conn, other) == []


def test_a_file_made_with_more_rights_is_not_given_out_with_fewer(central: Central) -> None:
    who = person(central, "all")
    done = finish(central, who, ask(central, who))
    with central.pool.connection() as conn:
        assert jobs.file_of(conn, who, done.id, work.folder_of(central))[1].is_file()
        with pytest.raises(Refused):
            jobs.file_of(conn, replace(who, scope=["b1"]), done.id, work.folder_of(central))


def test_five_jobs_may_be_in_work_and_no_more(central: Central) -> None:
    who = person(central, "all")
    for _ in range(MAX_OPEN):
        ask(central, who)
    with pytest.raises(Conflict):
        ask(central, who)
    ask(central, person(central, "part"))


def test_a_job_of_a_worker_that_died_is_taken_again_and_its_worker_changes_nothing_any_more(central: Central) -> None:
    who = person(central, "all")
    export = ask(central, who)
    dead = work._claim(central)
    assert dead is not None
    assert work._claim(central) is None
    central.clock.now += work.LEASE_S + 1  # type: ignore[attr-defined]
    assert finish(central, who, export).state == "done"
    with pytest.raises(work.Stopped):
        work._teller(central, dead, None, STOP)(1, 2)


def test_a_job_that_ends_its_workers_is_given_up(central: Central) -> None:
    who = person(central, "all")
    export = ask(central, who)
    for _ in range(work.MAX_CLAIMS):
        assert work._claim(central) is not None
        central.clock.now += work.LEASE_S + 1  # type: ignore[attr-defined]
    assert finish(central, who, export).state == "failed"


def test_a_cancelled_job_leaves_no_file_and_can_be_tried_again(central: Central) -> None:
    who = person(central, "all")
    export = ask(central, who)
    claimed = work._claim(central)
    assert claimed is not None
    with central.pool.connection() as conn:
        assert jobs.cancel_export(conn, who, export.id, central.clock()).state == "cancelled"
    part = work.folder_of(central) / "1.part"
    with pytest.raises(work.Stopped):
        work._make(central, RENDERER, claimed, part, STOP)
    assert not jobs.path_of(work.folder_of(central), export.id).exists()
    with central.pool.connection() as conn:
        jobs.retry_export(conn, who, export.id)
    assert finish(central, who, export).state == "done"


def test_too_many_rows_for_a_pdf_are_refused_and_the_message_names_the_workbook(central: Central, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(work, "MAX_PDF_ROWS", 2)
    who = person(central, "all")
    done = finish(central, who, ask(central, who, kind=Format.PDF))
    assert done.state == "failed"
    assert "xlsx" in (done.error or "")


def test_slices_make_one_file_without_gaps(central: Central, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(work, "SLICE_ROWS", 2)
    who = person(central, "all")
    assert sorted(codes_of(central, finish(central, who, ask(central, who)))) == ["m1", "m2", "w1"]


def test_files_go_after_a_week_and_when_there_is_no_room(central: Central, monkeypatch: pytest.MonkeyPatch) -> None:
    who = person(central, "all")
    first = finish(central, who, ask(central, who))
    monkeypatch.setattr(work, "MAX_KEPT_BYTES", first.bytes)
    second = finish(central, who, ask(central, who))
    central.clock.now += work.KEEP_DAYS * 86_400 + 1  # type: ignore[attr-defined]
    work.tidy(central)
    with central.pool.connection() as conn:
        assert [one.removed for one in jobs.list_exports(conn, who)] == ["expired", "room"]
        with pytest.raises(NotFound):
            jobs.file_of(conn, who, second.id, work.folder_of(central))
    assert os.listdir(work.folder_of(central)) == []


def test_two_workers_never_take_the_same_job(central: Central) -> None:
    ask(central, person(central, "all"))
    with central.pool.connection() as one, connect(central.dsn) as other:
        taken = [_claimed(conn, central) for conn in (one, other)]
        assert [len(found) for found in taken] == [1, 0]


def _claimed(conn: Connection, central: Central) -> list[Any]:
    return conn.execute(work._SQL["claim_export"], {"now": central.clock(), "lease_s": 60}).fetchall()


def test_the_folder_is_closed_to_other_users(central: Central) -> None:
    assert work.folder_of(central).stat().st_mode & 0o077 == 0
