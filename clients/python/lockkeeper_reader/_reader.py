"""The reader that an app opens once for each process."""

from __future__ import annotations

import atexit
import logging
import os
import re
import threading
import time
from pathlib import Path
from types import TracebackType
from typing import Any, Dict, List, Mapping, NoReturn, Optional, Sequence, Set, Type

from lockkeeper import LockkeeperError, PathLike

from ._engine import FORK_HINT, assert_not_inherited, inherit
from ._fallback import Fallback
from ._following import Follower
from ._locate import assert_basename
from ._opening import Opener, Options
from ._release import Generation, Parameters, Release, Rows

#: How long ``close`` waits for interrupted requests to let go. Seconds.
LET_GO_S = 5.0

_log = logging.getLogger("lockkeeper")


def open_reader(
    folder: PathLike,
    basename: Optional[str] = None,
    *,
    fallback: Optional[PathLike] = None,
    freshness: str = "strict",
    warmup: Sequence[str] = (),
    drain_timeout: float = 30.0,
    wait_timeout: float = 5.0,
    poll_interval: float = 1.0,
    fallback_idle: float = 1.0,
    rows_max: int = 1_000_000,
    settings: Optional[Mapping[str, str]] = None,
    allow_network_fs: bool = False,
) -> "Reader":
    """Opens a reader on a store's folder. Times are in seconds.

    - ``basename``: stem of the data files, where the manifest does not say.
    - ``fallback``: the single file that serves where there is no manifest. Where it is not given: the variable ``DUCKDB_PATH``, but not inside a build.
    - ``freshness``: ``"strict"``: a request that sees a new release waits for it, at most ``wait_timeout``, and is then served the last good one.
      ``"eventual"``: it is served the old one while the new one opens.
    - ``warmup``: statements to run on each release before it serves. One that fails keeps the release from serving.
    - ``drain_timeout``: how long requests may finish on a release that was replaced before they are interrupted.
    - ``poll_interval``: how often a reader without requests looks at the manifest.
    - ``fallback_idle``: how long the fallback file stays open after its last request.
    - ``rows_max``: more rows than that in one result of ``query`` raise ``LIMIT_ROWS``.
    - ``settings``: DuckDB's own, such as ``{"memory_limit": "2GB"}``.
    - ``allow_network_fs``: read from a network file system, where pins cannot be trusted.

    Raises ``USAGE``, ``CONFIG_INVALID``, ``NO_RELEASE``, ``MANIFEST_INVALID``, ``FILE_SYSTEM_UNSUPPORTED`` and what opening the release raises.
    """
    if freshness not in ("strict", "eventual"):
        _refuse("freshness", freshness, 'Say "strict" or "eventual".')
    if isinstance(warmup, str) or not all(isinstance(each, str) and each.strip() for each in warmup):
        _refuse("warmup", warmup, "Give a list of SQL statements.")
    times = {"drain_timeout": drain_timeout, "wait_timeout": wait_timeout, "poll_interval": poll_interval, "fallback_idle": fallback_idle}
    for name, value in times.items():
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value < threading.TIMEOUT_MAX:
            _refuse(name, value, "Give seconds, 0 or more.")
    if isinstance(rows_max, bool) or not isinstance(rows_max, int) or rows_max < 1:
        _refuse("rows_max", rows_max, "Give a whole number, 1 or more.")
    if basename is not None:
        assert_basename(basename)
    path = Path(os.path.abspath(folder))
    if not allow_network_fs:
        _assert_local(path)
    if fallback is None and "LOCKKEEPER_BUILD_PATH" not in os.environ:
        fallback = os.environ.get("DUCKDB_PATH") or None
    strict, poll = freshness == "strict", max(poll_interval, 0.001)
    opener = Opener(path, basename, Options(strict, tuple(warmup), drain_timeout, wait_timeout, poll, rows_max, dict(settings or {})))
    single = None if fallback is None else Fallback(opener, Path(os.path.abspath(fallback)), fallback_idle)
    return Reader(opener, single)


def _refuse(option: str, value: Any, hint: str) -> NoReturn:
    raise LockkeeperError("USAGE", f"open_reader: {option} is {value!r}", hint, option)


_NETWORK = re.compile(r"nfs\d?|cifs|smb\d?|smbfs|9p|ceph|afs|fuse(?:\..*)?")


def _assert_local(folder: Path) -> None:
    """By the kernel's list of mounts; where there is none, every folder counts as local."""
    try:
        lines = Path("/proc/self/mounts").read_text(encoding="utf-8", errors="surrogateescape").splitlines()
    except OSError:
        return
    real, kind, longest = f"{os.path.realpath(folder)}/", "", 0
    for _, mount, mounted, *_ in (line.split(" ") for line in lines):
        above = mount.replace("\\040", " ").rstrip("/") + "/"
        # Of several on one folder the last one counts.
        if real.startswith(above) and len(above) >= longest:
            kind, longest = mounted, len(above)
    if _NETWORK.fullmatch(kind):
        message = f"{folder} lies on a network file system ({kind}), where pins cannot be trusted"
        hint = "Copy the store to a local disk, or pass allow_network_fs=True and keep releases long enough."
        raise LockkeeperError("FILE_SYSTEM_UNSUPPORTED", message, hint, str(folder))


class Borrow:
    """What ``with reader.borrow() as release:`` enters and leaves."""

    def __init__(self, reader: "Reader", min_version: Optional[int]) -> None:
        self._reader = reader
        self._min_version = min_version
        self._releases: List[Release] = []

    def __enter__(self) -> Release:
        release = self._reader._lend(self._min_version)
        self._releases.append(release)
        return release

    def __exit__(self, kind: Optional[Type[BaseException]], error: Optional[BaseException], trace: Optional[TracebackType]) -> None:
        self._releases.pop()._end()


class Reader:
    """Serves a store's active release to all threads of a process. Made by ``open_reader``; closed by ``close`` or the end of a with block."""

    def __init__(self, opener: Opener, fallback: Optional[Fallback]) -> None:
        assert_not_inherited()
        self._opener = opener
        self._follower = Follower(opener, fallback)
        _open.add(self)

    def borrow(self, min_version: Optional[int] = None) -> Borrow:
        """``with reader.borrow() as release:`` holds one release until the block has ended.

        ``min_version``: waits until a version this high serves, at most ``wait_timeout``, so that what a client has seen elsewhere is not taken back.
        Entering it raises ``UNAVAILABLE`` (version not reached, fallback file locked), ``READER_CLOSED``, and ``USAGE`` after a fork.
        """
        return Borrow(self, min_version)

    def query(self, sql: str, parameters: Parameters = None) -> Rows:
        """One statement in a borrow of its own; raises what ``borrow`` and ``Release.query`` raise."""
        with self.borrow() as release:
            return release.query(sql, parameters)

    def status(self) -> Dict[str, Any]:
        """What is served, against what is published, ready for JSON. Let a health check fail when ``ok`` stays false."""
        self._assert_own_process()
        follower, sighting = self._follower, self._opener.resolver.look()
        serving, degraded = follower.serving, follower.degraded
        target = None if serving.generation is None else serving.generation.target
        absent = target is None and sighting.kind == "missing"
        current = absent or (sighting.kind == "manifest" and sighting.identity == serving.sighting.identity)
        error = degraded or sighting.error
        modified_at = None if follower.fallback is None else follower.fallback.modified_at()
        return {
            "ok": degraded is None and current,
            "mode": "fallback" if target is None else "manifest",
            "active": None if target is None else target.active,
            "release": "fallback" if target is None else target.release,
            "servingVersion": serving.version,
            "publishedVersion": None if sighting.manifest is None else sighting.manifest.version,
            "lastUpdated": modified_at if target is None else target.last_updated,
            "pinned": serving.generation is not None and serving.generation.pinned,
            "generations": [_generation_status(each) for each in self._opener.generations()],
            "failures": follower.failures,
            "lastManifestError": None if error is None else {"code": error.code, "message": error.message},
        }

    def close(self) -> None:
        """Waits for requests at most ``drain_timeout``, then interrupts them. May be called twice; later borrows raise ``READER_CLOSED``.
        In a forked child it does nothing: what is open belongs to the parent."""
        if os.getpid() != self._opener.process:
            return
        opener, follower = self._opener, self._follower
        give_up = time.monotonic() + opener.options.drain_timeout + LET_GO_S
        opener.closing.set()
        follower.stop(give_up - time.monotonic())
        if follower.fallback is not None:
            follower.fallback.release()
        for generation in opener.generations():
            opener.retire(generation)
        for generation in opener.generations():
            if not generation.closed.wait(max(0.0, give_up - time.monotonic())):
                _log.warning("release %s is still open: a request does not let it go", generation.target.release)
        opener.drop_spare()
        _open.discard(self)

    def __enter__(self) -> "Reader":
        return self

    def __exit__(self, kind: Optional[Type[BaseException]], error: Optional[BaseException], trace: Optional[TracebackType]) -> None:
        self.close()

    def _lend(self, min_version: Optional[int]) -> Release:
        self._assert_own_process()
        return Release(self._follower.acquire(min_version), self._opener.options.rows_max)

    def _assert_own_process(self) -> None:
        own = self._opener.process
        if os.getpid() != own:
            message = f"the reader was opened in process {own}, and this is process {os.getpid()}, forked from it: DuckDB does not survive a fork"
            raise LockkeeperError("USAGE", message, FORK_HINT, str(self._opener.folder))


def _generation_status(generation: Generation) -> Dict[str, Any]:
    since = generation.draining_since
    found = {
        "id": generation.number,
        "state": generation.state,
        "release": generation.target.release,
        "version": generation.target.version,
        "pinned": generation.pinned,
        "inFlightRequests": generation.holds,
    }
    return found if since is None else {**found, "drainingSince": since.isoformat(timespec="milliseconds").replace("+00:00", "Z")}


_open: Set[Reader] = set()


def _at_exit() -> None:
    """The thread that follows must not meet an interpreter that has ended. Locks and pins go with the process."""
    for reader in list(_open):
        if os.getpid() == reader._opener.process:
            reader._opener.closing.set()
            reader._follower.stop(LET_GO_S)


def _after_fork() -> None:
    if _open:
        inherit(list(_open))
    _open.clear()


atexit.register(_at_exit)
os.register_at_fork(after_in_child=_after_fork)
