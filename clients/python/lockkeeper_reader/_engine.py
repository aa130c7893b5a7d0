"""DuckDB: one instance for each file of this process, opened and closed by nobody else."""

from __future__ import annotations

import os
import re
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Callable, Dict, List, Mapping, Optional, Tuple

import duckdb

from lockkeeper import LockkeeperError

#: No extension is downloaded by a query, and no variable of the program is taken for a table that a release lacks.
BASE_SETTINGS = {"autoinstall_known_extensions": "false", "python_enable_replacements": "false"}

#: What to do instead of using a reader after a fork.
FORK_HINT = "Open the reader in each worker, after the fork (gunicorn: without --preload, or in post_fork); start other processes with the method spawn."


@dataclass(eq=False)
class Held:
    """An open instance, and the inodes that it may be on: one, or two when the path was renamed over while it was opened."""

    instance: Any
    keys: List[Tuple[int, int]]


class Inode:
    def __init__(self) -> None:
        #: Leases out, and opens under way.
        self.users = 0
        self.shared: Dict[Tuple[Any, ...], Held] = {}
        self.held: List[Held] = []


#: DuckDB's lock on a file is a POSIX lock: any close of the file in this process drops it for the whole process. So nothing on an inode is closed
#: until nothing here uses that inode, and these functions are the only closers, one at a time.
_inodes: Dict[Tuple[int, int], Inode] = {}
_engine_guard = threading.Lock()


class Lease:
    """A right to use an open instance."""

    def __init__(self, held: Held, key: Tuple[int, int], share: Tuple[Any, ...]) -> None:
        self.instance = held.instance
        self._held = held
        self._key = key
        self._share = share

    def release(self) -> None:
        with _engine_guard:
            _leave(self._key)

    def retire(self) -> None:
        """No later open gets this instance: the engine has declared it unusable."""
        with _engine_guard:
            use = _inodes.get(self._key)
            if use is not None and use.shared.get(self._share) is self._held:
                del use.shared[self._share]


def lease(path: Path, names: Tuple[str, ...], settings: Mapping[str, str], take: Callable[[], Any]) -> Lease:
    """Opens a file read-only in an in-memory instance, or shares the one that this process has on its inode. The path is looked at before and after."""
    for _ in range(5):
        fresh = take()
        with _engine_guard:
            before = _existing(path)
            key = (before.st_dev, before.st_ino)
            share = (before.st_size, before.st_ctime_ns, names, tuple(sorted(settings.items())))
            use = _inodes.setdefault(key, Inode())
            use.users += 1
            held = use.shared.get(share)
            if held is not None:
                fresh.close()
                return Lease(held, key, share)
            held = Held(fresh, [key])
            use.held.append(held)
            try:
                for name in names:
                    fresh.execute(f"ATTACH {_literal(str(path))} AS {identifier(name)} (TYPE DUCKDB, READ_ONLY)")
                after: Optional[os.stat_result] = os.stat(path)
            except FileNotFoundError:
                after = None
            except duckdb.Error as error:
                _leave(key)
                raise _opening_error(error, path) from error
            # Inode numbers are used again: the path may have been renamed over twice, and the instance be on the file between.
            if after is not None and (after.st_dev, after.st_ino, after.st_size, after.st_ctime_ns) == (*key, *share[:2]):
                use.shared[share] = held
                return Lease(held, key, share)
            if after is not None and (after.st_dev, after.st_ino) != key:
                held.keys.append((after.st_dev, after.st_ino))
                _inodes.setdefault(held.keys[1], Inode()).held.append(held)
            _leave(key)
    raise LockkeeperError("FILE_LOCKED", f"{path} was replaced again and again while it was opened", "Find the program that keeps replacing the file.", str(path))


def _existing(path: Path) -> os.stat_result:
    try:
        return os.stat(path)
    except FileNotFoundError:
        raise LockkeeperError("FILE_MISSING", f"{path} does not exist", "Check the path.", str(path)) from None


def _leave(key: Tuple[int, int]) -> None:
    """Ends one use; closes what is left on an inode that nobody uses. An instance that may be on a second one waits for that, too."""
    use = _inodes[key]
    use.users -= 1
    if use.users > 0:
        return
    use.shared.clear()
    for held in list(use.held):
        if any(_inodes[other].users > 0 for other in held.keys if other in _inodes):
            continue
        for other in held.keys:
            _inodes[other].held.remove(held)
        held.instance.close()
    for each in [each for each, rest in _inodes.items() if rest.users == 0 and not rest.held]:
        del _inodes[each]


def new_instance(settings: Mapping[str, str]) -> Any:
    try:
        return duckdb.connect(":memory:", config={**BASE_SETTINGS, **settings})
    except duckdb.Error as error:
        raise LockkeeperError("CONFIG_INVALID", f"the engine refuses its settings: {first_line(error)}",
                              "Look at the names and values in `settings`.") from error


def identifier(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def first_line(error: BaseException) -> str:
    lines = str(error).split("\n")
    # The driver puts a sentence of its own in front of what went wrong while a result was fetched.
    if len(lines) > 1 and "unsuccessful or closed pending query" in lines[0]:
        return lines[1].replace("Error: ", "", 1)
    return lines[0]


def _opening_error(error: duckdb.Error, path: Path) -> LockkeeperError:
    """The engine has texts only."""
    text = str(error)
    line = re.sub(r"^\w+ Error: ", "", first_line(error))
    if "Could not set lock on file" in text or "Unique file handle conflict" in text:
        return LockkeeperError("FILE_LOCKED", f"{path} is locked: {line}", "DuckDB lets one process write a file, or many read it: wait for that process.", str(path))
    if "Trying to read a database file with version number" in text or "encrypted database" in text:
        return LockkeeperError("STORAGE_UNSUPPORTED", f"cannot open {path}: {line}", "Let its writer keep to a storage version that this duckdb reads, unencrypted.", str(path))
    if re.search(r"database does not exist|No such file or directory", text):
        return LockkeeperError("FILE_MISSING", f"{path} does not exist", "Check the path.", str(path))
    if "Permission denied" in text:
        return LockkeeperError("PERMISSION_DENIED", f"cannot open {path}: {line}", "Give this user the right to read the file and its folder.", str(path))
    if "Too many open files" in text:
        return LockkeeperError("LIMIT_FILES", f"cannot open {path}: {line}", "Raise the limit of open files (ulimit -n) or close what is not needed.", str(path))
    return LockkeeperError("DATABASE_CORRUPT", f"cannot open {path}: {line}", "Roll back to another release, or restore the file from a backup.", str(path))


_BIND = re.compile(r"Prepared parameters can only be|Values were not provided|Parameter argument/count mismatch|Unable to transform python value|Python integer too large")


def query_error(error: BaseException) -> LockkeeperError:
    line = first_line(error)
    if isinstance(error, duckdb.InterruptException) or line.startswith("INTERRUPT Error"):
        return LockkeeperError("INTERRUPTED", "the query was interrupted")
    if _BIND.search(str(error)) or isinstance(error, TypeError):
        return LockkeeperError("BIND_FAILED", line, "Give each parameter once, as a value that DuckDB knows; whole numbers have at most 128 bits.")
    hint = next((part for part in str(error).split("\n") if part.startswith(("Did you mean", "Candidate "))), None)
    return LockkeeperError("QUERY_FAILED", line, hint)


#: What a parent process had open when this one was forked: kept untouched, for the threads that it needs are not here.
_inherited: List[Any] = []


def inherit(opened: Any) -> None:
    """Keeps what came over from a parent process, and lets nothing be opened beside it."""
    _inherited.append(opened)


def assert_not_inherited() -> None:
    """Raises ``USAGE`` in a process that was forked from one with a reader."""
    if _inherited:
        raise LockkeeperError("USAGE", f"this process, {os.getpid()}, was forked from one that had a reader open: DuckDB does not survive a fork", FORK_HINT)


def _after_fork() -> None:
    global _engine_guard, _inodes
    if _inodes:
        inherit(_inodes)
    _engine_guard, _inodes = threading.Lock(), {}


os.register_at_fork(after_in_child=_after_fork)
