"""Programs from Debian packages: unpacked beside the project (no root needed), or installed by root for the tests."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

from steps import CACHE, SetupError, run_command, say

TOOLS = CACHE / "tools"
_SYSTEM_FOLDERS = ("/usr/sbin", "/usr/local/sbin", "/sbin")  # not on the PATH of every user
_MAX_DEPTH = 4  # levels of library dependencies that are tried
_WRAPPER = """\
#!/bin/sh
# Runs a program unpacked from Debian packages with the libraries unpacked beside it.
root=$(cd "$(dirname "$0")/.." && pwd)
LD_LIBRARY_PATH="{folders}" exec "$root/{program}" "$@"
"""


def find_program(name: str) -> str | None:
    """Path of a program: on PATH, in the system folders, or unpacked here."""
    return shutil.which(name) or shutil.which(name, path=os.pathsep.join((*_SYSTEM_FOLDERS, str(TOOLS / "bin"))))


def unpack_program(package: str, program: str) -> Path:
    """Download a package and the libraries this system lacks, unpack them under .cache/tools, return a script that runs it.

    `program` is the path inside the package. Raise SetupError where there is no apt or no network.
    """
    if not shutil.which("apt-get") or not shutil.which("dpkg"):
        raise SetupError(f"{package} is missing and this is no Debian system\n  next step: install {package} with your system's package manager")
    options = _apt_lists(package)
    wanted = [package]
    for depth in range(_MAX_DEPTH):
        _download_and_unpack(wanted, options)
        missing = _missing_libraries(TOOLS / program)
        if not missing:
            return _write_wrapper(Path(program))
        say(f"  {package} needs {', '.join(sorted(missing)[:4])}{' ...' if len(missing) > 4 else ''}: fetching libraries, level {depth + 1}")
        wanted = _library_dependencies(wanted, options)
    raise SetupError(f"{package}: libraries {', '.join(sorted(missing))} were not found\n  next step: {install_line([package])}")


def install_packages(packages: list[str]) -> None:
    """Install packages with apt as root; raise SetupError with the command to type when not root."""
    if not shutil.which("apt-get"):
        raise SetupError(f"this is no Debian system\n  next step: install {', '.join(packages)} with your system's package manager")
    if os.geteuid() != 0:
        raise SetupError(f"{', '.join(packages)}: not found and we are not root\n  next step: {install_line(packages)}")
    quiet = {"DEBIAN_FRONTEND": "noninteractive"}
    if not all(_has_candidate(package, []) for package in packages):
        run_command("apt-update", ["apt-get", "update"], "check the network and /etc/apt/sources.list")
    run_command(
        "apt-install", ["apt-get", "install", "-y", "--no-install-recommends", *packages], f"run '{install_line(packages)}' by hand", env=quiet
    )


def install_line(packages: list[str]) -> str:
    """What this user types to install packages."""
    return f"{'' if os.geteuid() == 0 else 'sudo '}apt-get install --no-install-recommends {' '.join(packages)}"


def _apt_lists(package: str) -> list[str]:
    """Options under which apt knows the package: the system's lists if they do, else lists of our own (needs no root)."""
    if _has_candidate(package, []):
        return []
    lists = CACHE / "apt"
    (lists / "lists" / "partial").mkdir(parents=True, exist_ok=True)
    options = ["-o", f"Dir::State::Lists={lists / 'lists'}", "-o", f"Dir::Cache={lists}", "-o", "APT::Sandbox::User="]
    run_command("apt-update", ["apt-get", *options, "update"], "check the network and /etc/apt/sources.list, or run 'sudo apt-get update'")
    if not _has_candidate(package, options):
        raise SetupError(f"apt knows no package {package}\n  next step: check /etc/apt/sources.list")
    return options


def _has_candidate(package: str, options: list[str]) -> bool:
    done = subprocess.run(["apt-cache", *options, "policy", package], capture_output=True, text=True, env={**os.environ, "LC_ALL": "C"}, check=False)
    return "Candidate: " in done.stdout and "Candidate: (none)" not in done.stdout


def _download_and_unpack(packages: list[str], options: list[str]) -> None:
    folder = CACHE / "packages"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    run_command("apt-download", ["apt-get", *options, "download", *packages], "check the network, then try again", cwd=folder)
    for file in sorted(folder.glob("*.deb")):
        run_command("dpkg-unpack", ["dpkg", "-x", str(file), str(TOOLS)], f"delete {file} and try again")


def _missing_libraries(binary: Path) -> set[str]:
    done = subprocess.run(["ldd", str(binary)], capture_output=True, text=True, env={**os.environ, "LD_LIBRARY_PATH": _folders(TOOLS)}, check=False)
    return set(re.findall(r"^\s*(\S+) => not found", done.stdout, re.MULTILINE))


def _library_dependencies(packages: list[str], options: list[str]) -> list[str]:
    """Library packages the given ones depend on and this system does not have. Of alternatives the first one counts."""
    command = ["apt-cache", *options, "depends", "--no-recommends", "--no-suggests", *packages]
    text = run_command("apt-depends", command, "run 'sudo apt-get update'", env={"LC_ALL": "C"})
    names = dict.fromkeys(re.findall(r"^ [ |](?:Pre)?Depends: (lib[\w.+-]+)", text, re.MULTILINE))
    return [name for name in names if not _installed(name)]


def _installed(package: str) -> bool:
    done = subprocess.run(["dpkg-query", "-W", "-f", "${db:Status-Status}", package], capture_output=True, text=True, check=False)
    return done.stdout == "installed"


def _folders(root: Path) -> str:
    return os.pathsep.join(str(folder) for folder in _library_folders(root))


def _library_folders(root: Path) -> list[Path]:
    return sorted(folder for pattern in ("lib/*-linux-gnu*", "usr/lib/*-linux-gnu*") for folder in root.glob(pattern))


def _write_wrapper(program: Path) -> Path:
    folders = os.pathsep.join(f"$root/{folder.relative_to(TOOLS)}" for folder in _library_folders(TOOLS))
    wrapper = TOOLS / "bin" / program.name
    wrapper.parent.mkdir(parents=True, exist_ok=True)
    wrapper.write_text(_WRAPPER.format(folders=folders, program=program), encoding="utf-8")
    wrapper.chmod(0o755)
    return wrapper
