"""Where a release lies, checked against its record."""

from __future__ import annotations

import hashlib
import json
import os
import re
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Dict, Optional, Tuple

from lockkeeper import _BASENAME, FORMAT_VERSION, MANIFEST, LockkeeperError, _only_stem, _read_with_stat, _slot

from ._manifest import Own, Sighting

#: A release record larger than this is refused. Bytes.
RECORD_BYTES_MAX = 64 * 1024 * 1024


@dataclass(frozen=True, eq=False)
class Target:
    """A release that can be opened: where its data lies and what to call it."""

    release: str
    version: int
    uid: str
    active: Optional[str]
    last_updated: str
    path: Path
    #: Catalogue names to attach it under; the first one's schema ``main`` is searched.
    names: Tuple[str, ...]
    #: The pin file; foreign releases have none.
    pin: Optional[Path]


def locate(folder: Path, basename: Optional[str], sighting: Sighting) -> Target:
    """Raises ``FILE_MISSING``, ``MANIFEST_INVALID``, ``CONFIG_INVALID``, ``RECORD_INVALID``, ``CHECKSUM_MISMATCH``, ``FORMAT_UNSUPPORTED``."""
    manifest, own = sighting.manifest, sighting.own
    assert manifest is not None
    stem = own.basename if own else basename or manifest.basename
    if manifest.is_slot:
        stem = stem or _only_stem(folder, "_a.duckdb", "_b.duckdb")
        path = _slot(folder, stem, manifest.active)
        names: Tuple[str, ...] = (stem, f"{stem}_{manifest.active}")
    else:
        release = folder / "releases" / manifest.active
        stem = stem or _only_stem(release, ".duckdb")
        path, names = release / f"{stem}.duckdb", (stem,)
    assert_basename(stem)
    path, bytes_there = _data_file(folder, path, manifest.active)
    uid = hashlib.sha256(sighting.identity.encode()).hexdigest()[:32]
    if own is not None:
        uid = _compare(folder, own, path, bytes_there)
    called = own.release if own else f"v{manifest.version}-{manifest.active}"
    pin = folder / ".lockkeeper" / "pins" / f"{own.release}.pin" if own else None
    return Target(called, manifest.version, uid, manifest.active, manifest.last_updated or sighting.modified_at, path, names, pin)


def assert_basename(name: str) -> None:
    if not _BASENAME.fullmatch(name):
        raise LockkeeperError("CONFIG_INVALID", f"basename {name!r} cannot be used",
                              'Use letters, digits, "_", "-" and "."; not memory, main, temp, system.', name)


def _data_file(folder: Path, path: Path, active: str) -> Tuple[Path, int]:
    """The data file and its bytes, a link followed where it stays in the folder. Only looked at: opening and closing it here would drop DuckDB's lock on it."""
    try:
        found = os.lstat(path)
    except FileNotFoundError:
        raise LockkeeperError("FILE_MISSING", f'{folder / MANIFEST} makes "{active}" active, but there is no {path}',
                              "Go back to a release that is kept: lockkeeper rollback.", str(path)) from None
    if stat.S_ISLNK(found.st_mode):
        inside = Path(os.path.realpath(path))
        if Path(os.path.realpath(folder)) in inside.parents and inside.exists():
            path, found = inside, os.lstat(inside)
    if not stat.S_ISREG(found.st_mode):
        what = "a link that leaves the folder or leads nowhere" if stat.S_ISLNK(found.st_mode) else "not a regular file"
        raise LockkeeperError("MANIFEST_INVALID", f'{folder / MANIFEST}: "active" is "{active}", and {path} is {what}',
                              "Put the data file itself into the store's folder.", str(path))
    return path, found.st_size


def _compare(folder: Path, own: Own, path: Path, bytes_there: int) -> str:
    """Compares a data file with its release record, by size: hashing it would cost every switch seconds. Gives the release's uid."""
    record, record_path = _read_record(folder, own)
    files = {str(folder / entry["path"]): entry["bytes"] for entry in record["files"]}
    if str(path) not in files:
        raise LockkeeperError("RECORD_INVALID", f"the record of release {own.release} does not list {path}", None, str(record_path))
    if files[str(path)] != bytes_there:
        raise LockkeeperError("CHECKSUM_MISMATCH", f"{path} has {bytes_there} bytes; the record of release {own.release} says {files[str(path)]}",
                              "Something wrote to the active file after it was published. Roll back, or publish again.", str(path))
    log = Path(f"{path}.wal")
    if log.exists() and log.stat().st_size > 0:
        raise LockkeeperError("CHECKSUM_MISMATCH", f"{log} would be replayed into release {own.release}, which has none",
                              "Find out what wrote to the active file, then remove the log.", str(log))
    return str(record["uid"])


def _read_record(folder: Path, own: Own) -> Tuple[Dict[str, Any], Path]:
    path = folder
    parts = own.record_path.split("/")
    for index, part in enumerate(parts):
        path = path / part
        wanted = stat.S_ISREG if index == len(parts) - 1 else stat.S_ISDIR
        plain = part not in ("", ".", "..") and not re.search(r"[\\:\0]", part)
        if not plain or (os.path.lexists(path) and not wanted(os.lstat(path).st_mode)):
            raise LockkeeperError("MANIFEST_INVALID", f'{folder / MANIFEST}: "record.path" is {own.record_path!r}; it must name a file inside the store\'s folder',
                                  None, str(folder / MANIFEST))
    try:
        read = _read_with_stat(path, RECORD_BYTES_MAX)
    except LockkeeperError as error:
        raise LockkeeperError("RECORD_INVALID", error.message, None, str(path)) from error
    if read is None:
        raise LockkeeperError("RECORD_INVALID", f"the record of release {own.release} is not there: {path}", None, str(path))
    if hashlib.sha256(read[0]).hexdigest() != own.record_sha256:
        raise LockkeeperError("RECORD_INVALID", f"{path} differs from the sha256 in the manifest", None, str(path))
    try:
        record = json.loads(read[0].decode("utf-8"))
        if record.get("formatVersion", 1) > FORMAT_VERSION:
            raise LockkeeperError("FORMAT_UNSUPPORTED", f"{path} has formatVersion {record['formatVersion']}; {FORMAT_VERSION} is known here",
                                  "Use a newer lockkeeper_reader.", str(path))
        whole = record["release"] == own.release and isinstance(record["uid"], str) and all(isinstance(entry["bytes"], int) for entry in record["files"])
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise LockkeeperError("RECORD_INVALID", f"{path} is no release record: {error!r}", None, str(path)) from error
    if not whole:
        raise LockkeeperError("RECORD_INVALID", f"{path} is not the record of {own.release}", None, str(path))
    return record, path
