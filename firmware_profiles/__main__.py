"""`python -m firmware_profiles`: check every profile and list them."""

from __future__ import annotations

import argparse
import json
import sys
import unicodedata
from collections.abc import Sequence
from pathlib import Path

from firmware_profiles.loader import PROFILES_FOLDER, Registry, load_profiles
from protocol.errors import ConfigError
from protocol.profile import AnyProfile

_COLUMNS = ("profile", "maker", "protocol", "items", "verified")


def main(arguments: Sequence[str] | None = None) -> int:
    """Return 0 if every profile is good and 1 otherwise; problems go to standard error, one `file:line: problem` a line."""
    options = _parser().parse_args(arguments)
    try:
        registry = load_profiles(options.folder)
        sys.stdout.write(_json(registry) if options.json else _table(registry))
        for error in registry.problems:
            sys.stderr.write(f"{error.message}\n")
        if registry.problems:
            sys.stderr.write(f"{len(registry)} profiles are good, {len(registry.problems)} files are not\n")
            return 1
    except ConfigError as error:
        sys.stderr.write(f"{error.message}\n")
        return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m firmware_profiles", description="Check all device profiles and list them.")
    parser.add_argument("--folder", type=Path, default=PROFILES_FOLDER, help="folder of profiles (default: the ones shipped)")
    parser.add_argument("--json", action="store_true", help="print one JSON document instead of a table")
    return parser


def _row(profile: AnyProfile) -> tuple[str, ...]:
    maker = f"{profile.maker.en} {profile.maker.zh}"
    return profile.profile, maker, profile.protocol.value, str(len(profile.items)), profile.verified.value


def _table(registry: Registry) -> str:
    rows = [_COLUMNS, *(_row(registry[key]) for key in sorted(registry))]
    widths = [max(_width(row[column]) for row in rows) for column in range(len(_COLUMNS))]
    return "".join("  ".join(_pad(cell, width) for cell, width in zip(row, widths, strict=True)).rstrip() + "\n" for row in rows)


def _pad(cell: str, width: int) -> str:
    return cell + " " * (width - _width(cell))


def _width(cell: str) -> int:
    """Columns a terminal uses: Chinese characters take two."""
    return sum(2 if unicodedata.east_asian_width(character) in "WF" else 1 for character in cell)


def _json(registry: Registry) -> str:
    rows = [{**dict(zip(_COLUMNS, _row(registry[key]), strict=True)), "items": len(registry[key].items)} for key in sorted(registry)]
    problems = [line for error in registry.problems for line in error.message.splitlines()]
    return json.dumps({"profiles": rows, "problems": problems}, ensure_ascii=False, indent=2) + "\n"


if __name__ == "__main__":
    sys.exit(main())
