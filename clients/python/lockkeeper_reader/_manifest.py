"""The manifest as a reader sees it: a look for every request."""

from __future__ import annotations

import hashlib
import json
import os
import re
import stat
import threading
import time
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, Optional, Tuple

from lockkeeper import _BASENAME, _RELEASE, MANIFEST, MANIFEST_BYTES_MAX, LockkeeperError, Manifest, _parse_manifest, _read_with_stat

#: A manifest younger than this when it was read is read again at the next look: within a tick of the clock a second change leaves its time
#: as it was. Seconds.
YOUNG_S = 0.02


@dataclass(frozen=True, eq=False)
class Own:
    """What a manifest says on top when Lockkeeper wrote it and nothing has edited it since."""

    release: str
    basename: str
    record_path: str
    record_sha256: str


@dataclass(frozen=True, eq=False)
class Sighting:
    """What a look at the manifest showed. One object stands for one identity: an unchanged manifest gives the same object."""

    #: ``manifest``, ``missing`` or ``unusable``.
    kind: str
    #: Rises with every change that was seen.
    sequence: int
    #: Device, inode, size, change time and sha256 of the bytes: versions do not tell manifests apart.
    identity: str
    manifest: Optional[Manifest] = None
    own: Optional[Own] = None
    modified_at: str = ""
    #: Since when there was nothing better to see, on the monotonic clock.
    since: float = 0.0
    error: Optional[LockkeeperError] = None


class Resolver:
    """Looks at a store's manifest, cheaply enough for every request: one ``stat`` while nothing changes."""

    def __init__(self, folder: Path, basename: Optional[str]) -> None:
        self.path = folder / MANIFEST
        self._text = str(self.path)
        self._basename = basename
        self._guard = threading.Lock()
        self._sequence = 0
        self._last: Optional[Sighting] = None
        self._settled: Optional[Tuple[Tuple[int, ...], Sighting]] = None

    def look(self) -> Sighting:
        """Never raises: what goes wrong is a sighting."""
        settled = self._settled
        if settled is not None:
            try:
                if stat_key(os.lstat(self._text)) == settled[0]:
                    return settled[1]
            except OSError:
                pass
        with self._guard:
            return self._look()

    def _look(self) -> Sighting:
        self._settled = None
        try:
            read = _read_with_stat(self.path, MANIFEST_BYTES_MAX)
        except LockkeeperError as error:
            return self._bad("unusable", error.message, error)
        if read is None:
            hint = "Publish a release, or put the manifest back."
            return self._bad("missing", "missing", LockkeeperError("NO_RELEASE", f"there is no manifest at {self.path}", hint, str(self.path)))
        found, status = read
        key = stat_key(status)
        identity = f"{key}:{hashlib.sha256(found).hexdigest()}"
        sighting = self._last if self._last is not None and self._last.identity == identity else self._see(found, status, identity)
        if time.time() - status.st_ctime_ns / 1e9 >= YOUNG_S:
            self._settled = (key, sighting)
        return sighting

    def _see(self, found: bytes, status: os.stat_result, identity: str) -> Sighting:
        try:
            own = own_of(found)
            manifest = _parse_manifest(found, self.path, basename_counts=own is not None or self._basename is None)
        except LockkeeperError as error:
            return self._bad("unusable", identity, error)
        self._sequence += 1
        self._last = Sighting("manifest", self._sequence, identity, manifest, own, iso(status.st_mtime_ns))
        return self._last

    def _bad(self, kind: str, identity: str, error: LockkeeperError) -> Sighting:
        last = self._last
        if last is not None and (last.kind, last.identity) == (kind, identity):
            return last
        self._sequence += 1
        since = last.since if last is not None and last.kind == kind else time.monotonic()
        self._last = Sighting(kind, self._sequence, identity, since=since, error=error)
        return self._last


def stat_key(status: os.stat_result) -> Tuple[int, ...]:
    return (status.st_dev, status.st_ino, status.st_size, status.st_ctime_ns, stat.S_IFMT(status.st_mode))


def iso(ns: int) -> str:
    return datetime.fromtimestamp(ns // 1_000_000_000, timezone.utc).strftime("%Y-%m-%dT%H:%M:%S") + f".{ns // 1_000_000 % 1000:03d}Z"


class Number(str):
    """A number as a manifest spells it: its digest is over these letters."""


_DIGEST = re.compile(r"[0-9a-f]{64}")
_COMMIT = re.compile(r"[0-9a-f]{32}")


def own_of(found: bytes) -> Optional[Own]:
    """Of a manifest that Lockkeeper wrote and nobody has edited; ``None`` for all others."""
    try:
        value = json.loads(found.decode("utf-8"), parse_int=Number, parse_float=Number)
        digest = value.pop("digest", None)
        pairs = [[name, value[name]] for name in sorted(value, key=lambda name: name.encode("utf-16-be", "surrogatepass"))]
        if digest != hashlib.sha256(_compact(pairs).encode("utf-8")).hexdigest():
            return None
        record = value["record"]
        own = Own(value["release"], value["basename"], record["path"], record["sha256"])
        known = (
            _RELEASE.fullmatch(own.release) and _BASENAME.fullmatch(own.basename) and _DIGEST.fullmatch(own.record_sha256)
            and _COMMIT.fullmatch(value["commit"]) and isinstance(own.record_path, str) and isinstance(value["store"], str)
            and value["layout"] in ("slots", "releases") and value["reason"] in ("publish", "rollback", "adopt")
        )
        return own if known else None
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return None


def _compact(value: Any) -> str:
    """JSON as ``JSON.stringify`` writes it."""
    if isinstance(value, Number):
        return str(value)
    if isinstance(value, dict):
        return "{" + ",".join(f"{_compact(name)}:{_compact(item)}" for name, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ",".join(_compact(item) for item in value) + "]"
    return json.dumps(value, ensure_ascii=False)
