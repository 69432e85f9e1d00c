"""Make a fresh checkout ready: `setup.py demo`, `setup.py check`, `setup.py test`. Run again at will; only what changed is done again.

Plain standard library, Python 3.11 or newer, root or not. Results lie in .venv, node_modules and .cache.
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import shutil
import subprocess
import sys
from ctypes.util import find_library
from pathlib import Path

from debian import TOOLS, find_program, install_line, install_packages, unpack_program
from steps import CACHE, ROOT, SetupError, Step, run_command, run_steps, say

_OLDEST_PYTHON = (3, 11)
_PYTHON = ROOT / ".venv" / "bin" / "python"
_VENDORED = ROOT / "central" / "web" / "static" / "vendor"
_TEST_PROGRAMS = {  # program -> package; from gcc on for the fault scenarios
    "chromium": "chromium",
    "mbpoll": "mbpoll",
    "gcc": "gcc",
    "ip": "iproute2",
    "nft": "nftables",
    "openssl": "openssl",
}
_TEST_HEADERS = {Path("/usr/include/stdio.h"): "libc6-dev"}  # file -> package
_TEST_LIBRARIES = {"atomic": "libatomic1"}  # library -> package; the node that playwright carries needs it
_FONTS = Path("/usr/share/fonts/opentype/noto")


def main() -> int:
    """Set up what the chosen target needs; exit status 0 when it is all there."""
    parser = argparse.ArgumentParser(description="Set up this checkout: Python packages, the broker, web assets and what the tests need.")
    parser.add_argument("target", choices=("demo", "check", "test"), help="demo: to run; check: to lint and type-check; test: to test everything")
    target = parser.parse_args().target
    if sys.version_info < _OLDEST_PYTHON:
        say(f"Python {sys.version.split()[0]} is too old; expected 3.11 or newer\n  next step: make PYTHON=python3.11 ...")
        return 1
    missing = _missing_prerequisites(target)
    if missing:
        say(f"set-up: this system lacks {' and '.join(missing)}\n  next step: {install_line(missing)}, then the same again")
        return 1
    steps = [_python()]
    if target in ("demo", "test"):
        steps += [_broker(), _web_assets()]
    if target == "test":
        steps.append(_test_programs())
    return 0 if run_steps(steps) else 1


def _missing_prerequisites(target: str) -> list[str]:
    """Debian packages that set-up cannot do without and does not fetch itself, all at once and before anything takes minutes."""
    missing = []
    if not _python_works() and any(importlib.util.find_spec(name) is None for name in ("venv", "ensurepip")):
        missing.append(f"python{sys.version_info.major}.{sys.version_info.minor}-venv")
    if target != "check" and not _assets_there() and shutil.which("npm") is None:
        missing.append("npm")
    return missing


def _python() -> Step:
    inputs = (ROOT / "requirements.lock", ROOT / "pyproject.toml", sys.version, str(ROOT))
    return Step("python", _install_python, inputs, _python_works)


def _broker() -> Step:
    return Step("mosquitto", _install_broker, (), lambda: find_program("mosquitto") is not None)


def _web_assets() -> Step:
    inputs = tuple(ROOT / name for name in ("package.json", "package-lock.json", "central/web/vendor.py"))
    return Step("web assets", _install_web_assets, inputs, _assets_there)


def _test_programs() -> Step:
    return Step("test programs", _install_test_programs, (), lambda: not _missing_test_packages(), optional=True)


def _install_python() -> str:
    if not _python_works():
        _make_environment()
    pip = [str(_PYTHON), "-m", "pip", "--disable-pip-version-check", "--no-input", "install", "-q"]
    say("  packages of requirements.lock, each checked against its hash (the first time takes some minutes)")
    run_command("pip-packages", [*pip, "--require-hashes", "-r", "requirements.lock"], "check the network, then try again")
    run_command("pip-project", [*pip, "--no-deps", "--no-build-isolation", "-e", "."], "check the network, then try again")
    return "ready"


def _make_environment() -> None:
    shutil.rmtree(_PYTHON.parent.parent, ignore_errors=True)
    run_command("venv", [sys.executable, "-m", "venv", str(_PYTHON.parent.parent)], f"check that '{sys.executable} -m venv' works")


def _python_works() -> bool:
    """The environment's interpreter starts, and is the version that set-up itself runs on."""
    if not os.access(_PYTHON, os.X_OK):
        return False
    probe = "import sys, pip; print('%d.%d' % sys.version_info[:2])"
    done = subprocess.run([str(_PYTHON), "-c", probe], capture_output=True, text=True, check=False)
    return done.returncode == 0 and done.stdout.strip() == f"{sys.version_info.major}.{sys.version_info.minor}"


def _install_broker() -> str:
    found = find_program("mosquitto")
    if found is None:
        found = str(unpack_program("mosquitto", "usr/sbin/mosquitto"))
    done = subprocess.run([found, "-h"], capture_output=True, text=True, check=False)
    if "mosquitto version" not in done.stdout:
        raise SetupError(f"{found} does not run: {(done.stderr or done.stdout).strip()[:300]}\n  next step: delete {TOOLS} and try again")
    return f"{done.stdout.splitlines()[0]} at {found}"


def _install_web_assets() -> str:
    if not (ROOT / "package.json").is_file():
        raise SetupError("package.json is missing\n  next step: restore it from version control")
    npm = shutil.which("npm")
    if npm is None:
        raise SetupError(f"npm is missing; the web pages' JavaScript comes from it\n  next step: {install_line(['npm'])}")
    run_command("npm", [npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund"], "check the network, then try again", env={"CI": "true"})
    run_command("vendor", [str(_PYTHON), "-m", "central.web.vendor"], f"delete {ROOT / 'node_modules'} and try again")
    return "ready"


def _assets_there() -> bool:
    return _VENDORED.is_dir() and any(_VENDORED.iterdir())


def _install_test_programs() -> str:
    missing = _missing_test_packages()
    if missing:
        try:
            install_packages(missing)
        except SetupError as error:
            raise SetupError(f"{error}\n  until then the tests that need them are skipped") from error
    return "ready"


def _missing_test_packages() -> list[str]:
    missing = [package for program, package in _TEST_PROGRAMS.items() if find_program(program) is None]
    missing += [package for library, package in _TEST_LIBRARIES.items() if find_library(library) is None]
    missing += [package for header, package in _TEST_HEADERS.items() if not header.exists()]
    return missing if any(_FONTS.glob("NotoSansCJK*")) else [*missing, "fonts-noto-cjk"]


if __name__ == "__main__":
    CACHE.mkdir(exist_ok=True)
    sys.exit(main())
