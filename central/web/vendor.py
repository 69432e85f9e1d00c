"""Copy the JavaScript libraries the pages use from node_modules to static/vendor, with their licences and a manifest of content hashes.

Run `npm ci --ignore-scripts` and then `python -m central.web.vendor`. The folder is not committed; the wheel carries it.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import shutil
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from protocol.errors import CampusError, ConfigError

VENDOR_DIR = Path(__file__).parent / "static" / "vendor"
MANIFEST = "manifest.json"


@dataclass(frozen=True, slots=True)
class Library:
    """One npm package: the file pages load, and the texts its licence wants beside it."""

    package: str
    file: str
    licences: tuple[str, ...]

    @property
    def name(self) -> str:
        """File name in the vendor folder."""
        return Path(self.file).name


LIBRARIES = (
    Library("htmx.org", "dist/htmx.min.js", ("LICENSE",)),
    Library("echarts", "dist/echarts.min.js", ("LICENSE", "NOTICE", "licenses/LICENSE-d3")),
    Library("zrender", "", ("LICENSE",)),  # inside the echarts file
    Library("tslib", "", ("LICENSE.txt",)),  # inside the echarts file
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Command line: copy, or say what is missing. Returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m central.web.vendor", description="Copy JavaScript libraries into the console's static files.")
    parser.add_argument("--modules", type=Path, default=Path("node_modules"), help="folder npm installed into (default: node_modules)")
    parser.add_argument("--into", type=Path, default=VENDOR_DIR, help="folder to fill (default: the package's static/vendor)")
    options = parser.parse_args(arguments)
    try:
        manifest = copy_vendor(options.modules, options.into)
    except CampusError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    sys.stdout.write("".join(f"{name} {entry['version']} {entry['sha256'][:12]}\n" for name, entry in manifest.items()))
    return 0


def copy_vendor(modules: Path, into: Path) -> dict[str, dict[str, str]]:
    """Fill `into` and return its manifest: file name -> package, version, sha256. Raise ConfigError when node_modules lacks something."""
    into.mkdir(parents=True, exist_ok=True)
    manifest: dict[str, dict[str, str]] = {}
    for library in LIBRARIES:
        folder = modules / library.package
        version = _version(folder)
        for licence in library.licences:
            _copy(folder / licence, into / f"{library.package}.{Path(licence).name}.txt")
        if library.file:
            target = into / library.name
            _copy(folder / library.file, target)
            manifest[library.name] = {"package": library.package, "version": version, "sha256": hashlib.sha256(target.read_bytes()).hexdigest()}
    (into / MANIFEST).write_text(json.dumps(manifest, indent=1) + "\n", encoding="utf-8")
    return manifest


def missing(folder: Path = VENDOR_DIR) -> list[str]:
    """Vendor files that are not there; the server and the pages say so instead of failing in the browser."""
    return [library.name for library in LIBRARIES if library.file and not (folder / library.name).is_file()]


def _version(folder: Path) -> str:
    try:
        return str(json.loads((folder / "package.json").read_text(encoding="utf-8"))["version"])
    except (OSError, ValueError, KeyError) as error:
        raise ConfigError(f"{folder}: no such npm package installed; run npm ci --ignore-scripts first") from error


def _copy(source: Path, target: Path) -> None:
    try:
        shutil.copyfile(source, target)
    except OSError as error:
        raise ConfigError(f"{source}: cannot be copied to {target}: {error}; run npm ci --ignore-scripts again") from error


if __name__ == "__main__":
    sys.exit(main())
