"""What scenarios may need of the machine, by name, and whether it is there."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from provisioning.rehearse.broker import find_mosquitto

_SBIN = "/usr/local/sbin:/usr/sbin:/sbin"


def missing(need: str) -> str | None:
    """Why a need of a scenario is not met here and what to do about it; None if it is met. An unknown name is an error."""
    return None if PROBES[need]() else f"needs {need}: {_REMEDY[need]}"


def program(name: str) -> str | None:
    """Where a program is, also in the folders that only root has on its path."""
    return shutil.which(name, path=f"{os.environ.get('PATH', '')}:{_SBIN}")


def _can_make_network() -> bool:
    """Root, `ip`, and a kernel that lets us make a network namespace."""
    ip = program("ip")
    if os.geteuid() != 0 or ip is None:
        return False
    name = f"ce-probe-{os.getpid()}"
    done = subprocess.run([ip, "netns", "add", name], capture_output=True, check=False)
    subprocess.run([ip, "netns", "delete", name], capture_output=True, check=False)
    return done.returncode == 0


PROBES: dict[str, Callable[[], bool]] = {
    "linux": lambda: sys.platform == "linux",
    "root": lambda: os.geteuid() == 0,
    "cc": lambda: program("cc") is not None and Path("/usr/include/stdio.h").exists(),
    "mosquitto": lambda: find_mosquitto() is not None,
    "chromium": lambda: program("chromium") is not None,
    "openssl": lambda: program("openssl") is not None,
    "netns": _can_make_network,
    "nft": lambda: program("nft") is not None,
    "tc": lambda: program("tc") is not None,
}
_REMEDY = {
    "linux": "run on Linux",
    "root": "run as root",
    "cc": "install the packages gcc and libc6-dev ('make faults' does)",
    "mosquitto": "run 'make faults', which fetches one, or install the package mosquitto",
    "chromium": "install the package chromium ('make faults' does)",
    "openssl": "install the package openssl",
    "netns": "run as root with iproute2 on a kernel that allows network namespaces",
    "nft": "install the package nftables",
    "tc": "install the package iproute2",
}
