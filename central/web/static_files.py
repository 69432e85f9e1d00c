"""Static files under addresses that carry their content's hash, so that browsers may keep them for ever."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

from fastapi import FastAPI, Request, Response
from fastapi.staticfiles import StaticFiles
from starlette.types import Scope

STATIC_DIR = Path(__file__).parent / "static"
_VENDOR = "vendor/"
_FOR_EVER = "public, max-age=31536000, immutable"


def mount_static(app: FastAPI) -> Callable[[str], str]:
    """Serve /static/<hash>/<path>; return the function that turns a path into its address.

    Libraries have a hash each, our own files one together: modules import each other by relative path and must come from one version.
    """
    own = _digest([path for path in _files() if not _is_vendor(path)])
    vendor = {_relative(path): _digest([path]) for path in _files() if _is_vendor(path)}

    def address(path: str) -> str:
        return f"/static/{vendor.get(path, own)}/{path}"

    app.mount("/static", _Hashed({own, *vendor.values()}), name="static")
    return address


class _Hashed(StaticFiles):
    """Drops the hash from the path; a known hash makes the answer cacheable for ever, an old one must be asked again."""

    def __init__(self, known: set[str]) -> None:
        super().__init__(directory=STATIC_DIR, follow_symlink=False)
        self._known = known

    async def get_response(self, path: str, scope: Scope) -> Response:
        version, _, rest = path.partition("/")
        response = await super().get_response(rest, scope)
        response.headers["cache-control"] = _FOR_EVER if version in self._known else "no-cache"
        return response


def is_static(request: Request) -> bool:
    """Whether the request is for a static file."""
    return request.url.path.startswith("/static/")


def _files() -> list[Path]:
    return sorted(path for path in STATIC_DIR.rglob("*") if path.is_file())


def _relative(path: Path) -> str:
    return path.relative_to(STATIC_DIR).as_posix()


def _is_vendor(path: Path) -> bool:
    return _relative(path).startswith(_VENDOR)


def _digest(paths: list[Path]) -> str:
    total = hashlib.sha256()
    for path in paths:
        total.update(path.read_bytes())
    return total.hexdigest()[:16]
