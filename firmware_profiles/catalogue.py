"""The tables of the reference page: makers of the reference site, all profiles with what they rest on, and what to ask whom. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from firmware_profiles.evidence import Evidence
from protocol.profile import AnyProfile

_NOTHING = Evidence()


def by_maker(profiles: Sequence[AnyProfile], evidence: Mapping[str, Evidence], standing: Mapping[str, int]) -> str:
    """Who made the devices of the reference site, how many there are, and how far their profiles can be trusted."""
    makers: dict[str, list[AnyProfile]] = {}
    for one in profiles:
        if standing.get(one.profile):
            makers.setdefault(_maker(one), []).append(one)
    counts = {maker: sum(standing[one.profile] for one in theirs) for maker, theirs in makers.items()}
    rows = [
        (maker if place == 0 else "", f"{standing[one.profile]:,}", link(one), one.verified.value, _rests_on(one, evidence))
        for maker in sorted(makers, key=lambda maker: -counts[maker])
        for place, one in enumerate(sorted(makers[maker], key=lambda one: -standing[one.profile]))
    ]
    return _table(("Maker", "Devices", "Profile", "State", "Rests on"), (0, 1, 0, 0, 0), rows)


def table(profiles: Sequence[AnyProfile], evidence: Mapping[str, Evidence]) -> str:
    """All profiles: what each can do, its state and its evidence."""
    rows = []
    for one in profiles:
        found = evidence.get(one.profile, _NOTHING)
        counts = (found.captured, found.printed, found.computed, found.simulated)
        rows.append(
            (
                link(one),
                f"{one.name.zh} · {one.name.en}",
                one.protocol.value,
                str(len(one.items)),
                str(len(one.commands) + len(one.settings)),
                remembers(one),
                one.verified.value,
                *(str(count) if count else "–" for count in counts),
                _bench(one),
            )
        )
    head = ("Profile", "Device", "Protocol", "Read", "Told", "Remembers", "State", "Captured", "Manual", "Computed", "Simulated", "Bench log")
    return _table(head, (0, 0, 0, 1, 1, 0, 0, 1, 1, 1, 1, 0), rows)


def questions(profiles: Sequence[AnyProfile]) -> str:
    """What to ask each maker, every question once, with the profiles it would settle."""
    asked: dict[str, dict[str, list[str]]] = {}
    for one in profiles:
        for question in one.ask_maker:
            asked.setdefault(_maker(one), {}).setdefault(question, []).append(link(one))
    lines: list[str] = []
    for maker in sorted(asked):
        lines += [f"**{maker}**", "", *(f"- {question} ({', '.join(about)})" for question, about in asked[maker].items()), ""]
    return "\n".join(lines) if lines else "No profile has open questions.\n"


def link(profile: AnyProfile) -> str:
    """A link to the profile's section; heading anchors drop the slash."""
    return f"[{profile.profile}](#{profile.profile.replace('/', '')})"


def remembers(profile: AnyProfile) -> str:
    """In a few words what the device keeps by itself."""
    parts = [f"{one.depth} {one.period}s" for one in getattr(profile, "freezes", ())]
    if events := getattr(profile, "events", ()):
        parts.append(f"{len(events)} event logs")
    if getattr(profile, "load_records", None) is not None:
        parts.append("load records")
    if profile.prepay is not None and profile.prepay.records is not None:
        parts.append(f"{profile.prepay.records.depth} purchases")
    if getattr(profile, "clock", None) is not None:
        parts.append("clock")
    return ", ".join(parts) or "–"


def _rests_on(profile: AnyProfile, evidence: Mapping[str, Evidence]) -> str:
    found = evidence.get(profile.profile, _NOTHING)
    if profile.prepay is not None and profile.prepay.bench_log:
        return "bench log"
    kinds = ((found.captured, "published bytes"), (found.printed, "manual values"), (found.computed, "frames by hand"))
    named = [name for count, name in kinds if count] or ["virtual device only"]
    return ", ".join([*named, f"dialect {profile.extends}"] if profile.extends else named)


def _bench(profile: AnyProfile) -> str:
    return (profile.prepay.bench_log if profile.prepay is not None else None) or "–"


def _maker(profile: AnyProfile) -> str:
    return f"{profile.maker.en} {profile.maker.zh}"


def _table(head: Sequence[str], right: Sequence[int], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---:" if side else "---" for side in right], *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)
