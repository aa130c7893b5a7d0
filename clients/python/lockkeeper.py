"""Reads and switches Lockkeeper release stores from Python: the standard library alone, no Node.

A store is a folder with a manifest, ``db_manifest.json``, that names the active release. ``active_path`` says which file
that is. ``build_slot`` builds the other one and makes it active. ``publish`` runs a build through the ``lockkeeper``
command, which also checks it and keeps it for a way back.

Copy this file beside your program, or put its folder on ``PYTHONPATH``. Python 3.9 or newer on Linux or macOS.
"""

from __future__ import annotations

import fcntl
import json
import math
import os
import re
import secrets
import shutil
import socket
import stat
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, Callable, Dict, Iterator, Mapping, NamedTuple, NoReturn, Optional, Sequence, Set, Tuple, Union

__all__ = ["BuildRefused", "LockkeeperError", "Manifest", "active_path", "build_slot", "inactive_path", "publish", "read_manifest", "switch_manifest"]

PathLike = Union[str, "os.PathLike[str]"]

MANIFEST = "db_manifest.json"
LOCK = ".writer.lock"

#: A manifest larger than this is refused, as readers refuse it. Bytes.
MANIFEST_BYTES_MAX = 64 * 1024

#: A version above this is no whole number to every reader.
VERSION_MAX = 2**53 - 1

#: The newest format of the manifest that is known here.
FORMAT_VERSION = 1

#: A bad or missing manifest is looked at again for so long before it counts: some programs write it in place. Seconds.
SETTLE_S = 0.1

_RELEASE = re.compile(r"r[0-9]{6,15}")
_BASENAME = re.compile(r"(?!(?:memory|main|temp|system)\Z)[A-Za-z0-9_][A-Za-z0-9_.-]{0,119}", re.IGNORECASE)
_BUILDING = ".building-"


class LockkeeperError(Exception):
    """What went wrong: ``code`` is one of docs/errors.md, ``hint`` says what to do, ``subject`` which file or name it is about."""

    def __init__(self, code: str, message: str, hint: Optional[str] = None, subject: Optional[str] = None) -> None:
        super().__init__(f"{code}: {message}" + (f"\n  {hint}" if hint else ""))
        self.code = code
        self.message = message
        self.hint = hint
        self.subject = subject


class BuildRefused(LockkeeperError):
    """A check refused the build; what was active still is. ``document`` is what the command told, with every check."""

    def __init__(self, message: str, document: Dict[str, Any]) -> None:
        super().__init__("REFUSED", message, "Look at the build with lockkeeper query --release.", document.get("store"))
        self.document = document


class Manifest(NamedTuple):
    """What the manifest says, as far as every program may count on it."""

    #: ``"a"`` or ``"b"``, or with layout ``releases`` a release's id.
    active: str
    version: int
    #: RFC 3339; ``None`` where the writer did not say.
    last_updated: Optional[str]
    #: Stem of the data files; ``None`` where the writer did not say.
    basename: Optional[str]

    @property
    def is_slot(self) -> bool:
        """Whether the store has two slots, and not a folder for each release."""
        return self.active in ("a", "b")


def read_manifest(folder: PathLike) -> Optional[Manifest]:
    """The manifest; ``None`` where there is none. Raises ``MANIFEST_INVALID`` and ``FORMAT_UNSUPPORTED``."""
    path = Path(folder, MANIFEST)
    give_up = time.monotonic() + SETTLE_S
    while True:
        try:
            found = _read_regular(path, MANIFEST_BYTES_MAX)
            if found is not None:
                return _parse_manifest(found, path)
            if time.monotonic() >= give_up:
                return None
        except LockkeeperError:
            if time.monotonic() >= give_up:
                raise
        time.sleep(0.005)


def active_path(folder: PathLike, basename: Optional[str] = None) -> Path:
    """The file of the active release. It is never written again while it is active; open it read-only, and ask again for the next query.

    Raises ``NO_RELEASE`` where nothing is active yet, ``FILE_MISSING`` where the file is not there, and what ``read_manifest`` raises.
    """
    manifest = _require_manifest(folder)
    if manifest.is_slot:
        path = _slot(folder, _basename(folder, basename, manifest), manifest.active)
    else:
        release = Path(folder, "releases", manifest.active)
        path = release / f"{basename or manifest.basename or _only_stem(release, '.duckdb')}.duckdb"
    if not path.is_file():
        raise LockkeeperError("FILE_MISSING", f"{path} is active and is not there", "Go back to a release that is kept: lockkeeper rollback.", str(path))
    return path


def inactive_path(folder: PathLike, basename: Optional[str] = None) -> Path:
    """The slot that is not active: where the next release of a store of two slots goes. It may not exist.

    What is written into it by hand shares it with readers that have not let go of it yet; ``build_slot`` does not.
    Raises ``USAGE`` for a store of release folders, and what ``read_manifest`` raises.
    """
    manifest = read_manifest(folder)
    return _slot(folder, _basename(folder, basename, manifest), _other(folder, manifest))


def switch_manifest(folder: PathLike, active: str, *, basename: Optional[str] = None, wait: float = 0.0) -> int:
    """Makes a slot active that is written already: durably, by one rename, under the writer lock. Returns the new version.

    For stores that nobody else publishes to: between reading the manifest and this call another writer may have switched.
    ``wait`` is how long to wait for a writer that holds the lock, in seconds.
    Raises ``USAGE``, ``FILE_MISSING``, ``SLOT_BUSY`` (a write-ahead log lies beside it), ``WRITER_LOCKED``, and what ``read_manifest`` raises.
    """
    if active not in ("a", "b"):
        _usage(f"active is {active!r}, which is no slot", 'Say "a" or "b".')
    with _writer_lock(folder, f"switch to slot {active}", wait) as verify:
        manifest = read_manifest(folder)
        _other(folder, manifest)
        return _switch(folder, _slot(folder, _basename(folder, basename, manifest), active), active, verify)


@contextmanager
def build_slot(folder: PathLike, basename: Optional[str] = None, *, start: str = "empty", wait: float = 0.0) -> Iterator[Path]:
    """``with build_slot("data", "holdings") as path:`` builds the next release and makes it active when the block has ended.

    ``path`` is a private file under the name that the slot will have. Write it with DuckDB and close it. When the block raises,
    nothing is changed. The writer lock is held all the time: other writers wait, or are told ``WRITER_LOCKED``.
    ``start`` is what the file begins with: ``"empty"`` (it does not exist), a copy of the ``"active"`` or of the ``"inactive"`` slot.
    A store that ``lockkeeper publish`` writes, too, must then be taken under care again: ``lockkeeper adopt``.
    Raises ``USAGE``, ``NO_RELEASE`` (nothing to copy), ``BUILD_EMPTY``, ``BUILD_UNFINISHED`` (not closed), ``SLOT_BUSY``, ``WRITER_LOCKED``,
    ``LOCK_REPLACED``, ``MANIFEST_MOVED`` and what ``read_manifest`` raises.
    """
    if start not in ("empty", "active", "inactive"):
        _usage(f"start is {start!r}", 'Say "empty", "active" or "inactive".')
    os.makedirs(folder, exist_ok=True)
    with _writer_lock(folder, "build a slot", wait) as verify:
        # Whoever made these is dead: the lock is ours.
        for left in Path(folder).glob(f"{_BUILDING}*"):
            shutil.rmtree(left, ignore_errors=True)
        manifest = read_manifest(folder)
        before = _identity(folder)
        active = _other(folder, manifest)
        target = _slot(folder, _basename(folder, basename, manifest), active)
        private = Path(folder, f"{_BUILDING}{secrets.token_hex(6)}")
        private.mkdir()
        path = private / target.name
        try:
            if start != "empty":
                _copy_start(start, manifest, target, path)
            yield path
            _assert_built(path)
            _assert_no_log(target)
            verify()
            if _identity(folder) != before:
                raise LockkeeperError("MANIFEST_MOVED", f"{Path(folder, MANIFEST)} was replaced by a program that does not take the writer lock",
                                      "Find that program; what was built is thrown away.", str(Path(folder, MANIFEST)))
            if target.exists():
                os.chmod(path, stat.S_IMODE(target.stat().st_mode))
            _sync(path)
            os.replace(path, target)
            _switch(folder, target, active, verify)
        finally:
            shutil.rmtree(private, ignore_errors=True)


def publish(store: str, command: Sequence[PathLike], *, config: Optional[PathLike] = None, base: Optional[str] = None, wait: Optional[str] = None,
            environment: Optional[Mapping[str, str]] = None, executable: Sequence[str] = ("lockkeeper",)) -> Dict[str, Any]:
    """Runs ``command`` through ``lockkeeper publish``: it writes the file that the variable ``DUCKDB_PATH`` names; then that is checked and made active.

    Returns the command's document (``release``, ``version``, ``outcome``, ``checks``). The command's output goes to standard error as it comes.
    ``wait`` is a duration such as ``"10m"``. Raises ``BuildRefused`` for a build that a check refused, ``LockkeeperError`` with the code of docs/errors.md for the rest;
    ``FileNotFoundError`` where ``lockkeeper`` is not installed.
    """
    words = [*executable, "--json"]
    words += ["--config", os.fspath(config)] if config is not None else []
    words += ["publish", store]
    words += ["--base", base] if base is not None else []
    words += ["--wait", wait] if wait is not None else []
    words += ["--", *(os.fspath(word) for word in command)]
    surroundings = None if environment is None else {**os.environ, **environment}
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=surroundings) as process:
        told: Dict[str, Any] = {}
        thread = threading.Thread(target=_pass_on, args=(process.stderr, told))
        thread.start()
        assert process.stdout is not None
        text = process.stdout.read()
        thread.join()
    if process.returncode == 0:
        return dict(json.loads(text))
    if "code" in told:
        raise LockkeeperError(str(told["code"]), str(told.get("message")), told.get("hint"), told.get("subject"))
    if text.startswith("{"):
        document = json.loads(text)
        failed = [check for check in document.get("checks", []) if check.get("status") == "fail"]
        detail = "; ".join(str(check.get("message") or check.get("check")) for check in failed)
        raise BuildRefused(f"the build of {store} was refused: {detail}", document)
    raise LockkeeperError("INTERRUPTED", f"{words[0]} ended with {process.returncode} and said nothing", None, store)


def _pass_on(stream: Any, told: Dict[str, Any]) -> None:
    for line in stream:
        if line.startswith('{"schema":"lockkeeper/error@'):
            told.update(json.loads(line)["error"])
        else:
            sys.stderr.write(line)


def _usage(message: str, hint: str) -> NoReturn:
    raise LockkeeperError("USAGE", message, hint)


def _invalid(path: Path, what: str) -> NoReturn:
    raise LockkeeperError("MANIFEST_INVALID", f"{path} {what}", "Put a whole manifest in its place; docs/format.md says what it holds.", str(path))


def _read_regular(path: Path, bytes_max: int) -> Optional[bytes]:
    """Without waiting for a FIFO, and without following a link out of the folder."""
    read = _read_with_stat(path, bytes_max)
    return None if read is None else read[0]


def _read_with_stat(path: Path, bytes_max: int) -> Optional[Tuple[bytes, os.stat_result]]:
    """The same, and what the file was like when it was opened."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    except OSError as error:
        _invalid(path, f"cannot be read: {error.strerror}")
    try:
        found = os.fstat(descriptor)
        if not stat.S_ISREG(found.st_mode):
            _invalid(path, "is not a regular file")
        if found.st_size > bytes_max:
            _invalid(path, f"has {found.st_size} bytes; at most {bytes_max} are read")
        pieces = []
        while piece := os.read(descriptor, bytes_max + 1):
            pieces.append(piece)
        return b"".join(pieces), found
    finally:
        os.close(descriptor)


def _parse_manifest(found: bytes, path: Path, *, basename_counts: bool = True) -> Manifest:
    def refuse(constant: str) -> NoReturn:
        raise ValueError(f"{constant} is no JSON")

    try:
        value = json.loads(found.decode("utf-8"), parse_constant=refuse)
    except (ValueError, RecursionError) as error:
        _invalid(path, f"is no JSON: {error}")
    if not isinstance(value, dict):
        _invalid(path, "is not one object")
    known = value.get("formatVersion", 1)
    if not isinstance(known, (int, float)) or isinstance(known, bool) or not math.isfinite(known) or known > FORMAT_VERSION:
        raise LockkeeperError("FORMAT_UNSUPPORTED", f"{path} has formatVersion {known}; {FORMAT_VERSION} is known here", "Use a newer lockkeeper.py.", str(path))
    active, version, basename, updated = (value.get(name) for name in ("active", "version", "basename", "lastUpdated"))
    basename = basename if basename_counts else None
    if not isinstance(active, str) or not (active in ("a", "b") or _RELEASE.fullmatch(active)):
        _invalid(path, "names neither a slot nor a release: active")
    if isinstance(version, float) and version.is_integer():
        version = int(version)
    if not isinstance(version, int) or isinstance(version, bool) or not 0 <= version <= VERSION_MAX:
        _invalid(path, "has no whole number from 0 to 2^53 - 1: version")
    if basename is not None and not (isinstance(basename, str) and _BASENAME.fullmatch(basename)):
        _invalid(path, "has no plain file stem: basename")
    return Manifest(active, version, updated if isinstance(updated, str) else None, basename)


def _require_manifest(folder: PathLike) -> Manifest:
    manifest = read_manifest(folder)
    if manifest is None:
        raise LockkeeperError("NO_RELEASE", f"there is no manifest at {Path(folder, MANIFEST)}", "Publish a release first.", str(folder))
    return manifest


def _other(folder: PathLike, manifest: Optional[Manifest]) -> str:
    if manifest is None:
        return "a"
    if not manifest.is_slot:
        _usage(f"{folder} is a store of release folders, which have no slots", "Publish with lockkeeper publish.")
    return "b" if manifest.active == "a" else "a"


def _basename(folder: PathLike, given: Optional[str], manifest: Optional[Manifest]) -> str:
    name = given or (manifest.basename if manifest else None) or _only_stem(Path(folder), "_a.duckdb", "_b.duckdb")
    if not _BASENAME.fullmatch(name):
        _usage(f"{name!r} is no stem of a file", "Give the part of the file's name before _a.duckdb.")
    return name


def _only_stem(folder: Path, *endings: str) -> str:
    names = os.listdir(folder) if folder.is_dir() else []
    stems = sorted({name[: -len(ending)] for name in names for ending in endings if name.endswith(ending) and not name.startswith(".")})
    if len(stems) == 1:
        return stems[0]
    what = f"there are data files of several stems in {folder}: {', '.join(stems)}" if stems else f"there is no data file in {folder}"
    raise LockkeeperError("CONFIG_INVALID", what, "Say which: basename.", str(folder))


def _slot(folder: PathLike, basename: str, slot: str) -> Path:
    return Path(folder, f"{basename}_{slot}.duckdb")


def _identity(folder: PathLike) -> Optional[Tuple[int, int, int, int, bytes]]:
    """What tells two manifests apart: versions and inodes alone come again."""
    path = Path(folder, MANIFEST)
    try:
        found = os.lstat(path)
    except FileNotFoundError:
        return None
    return (found.st_dev, found.st_ino, found.st_size, found.st_ctime_ns, _read_regular(path, MANIFEST_BYTES_MAX) or b"")


def _copy_start(start: str, manifest: Optional[Manifest], target: Path, path: Path) -> None:
    source = target
    if start == "active" and manifest is not None:
        source = target.with_name(f"{target.name[: -len('_a.duckdb')]}_{manifest.active}.duckdb")
    if manifest is None or not source.is_file():
        raise LockkeeperError("NO_RELEASE", f"there is no {start} slot to begin with", 'Begin with start="empty".', str(source))
    _assert_no_log(source)
    shutil.copyfile(source, path)


def _assert_built(path: Path) -> None:
    if not path.is_file() or path.is_symlink() or path.stat().st_size == 0:
        raise LockkeeperError("BUILD_EMPTY", f"the build wrote nothing to {path}", "Write the file that `as` names.", str(path))
    if os.path.lexists(f"{path}.wal"):
        raise LockkeeperError("BUILD_UNFINISHED", f"{path}.wal was left", "Close every connection, so that the write-ahead log is folded in.", f"{path}.wal")


def _assert_no_log(path: Path) -> None:
    log = f"{path}.wal"
    if not os.path.lexists(log):
        return
    raise LockkeeperError("SLOT_BUSY", f"{log} lies beside the slot, and DuckDB would replay it into whatever file lies there",
                          "End the program that writes the slot; if it was killed, remove the log.", log)


def _switch(folder: PathLike, data: Path, active: str, verify: Callable[[], None]) -> int:
    """Data first, then the manifest that names it; told as done only when both would survive a power cut."""
    if not data.is_file():
        raise LockkeeperError("FILE_MISSING", f"{data} does not exist", "Build it first.", str(data))
    _assert_no_log(data)
    _sync(data)
    _sync(folder)
    old = read_manifest(folder)
    manifest: Dict[str, Any] = {
        "active": active,
        "version": (old.version if old else 0) + 1,
        "lastUpdated": datetime.now(timezone.utc).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "basename": data.name[: -len("_a.duckdb")],
        "commit": secrets.token_hex(16),
    }
    if manifest["version"] > VERSION_MAX:
        _invalid(Path(folder, MANIFEST), "has the highest version there is")
    path = Path(folder, MANIFEST)
    temporary = Path(folder, f".{MANIFEST}.{secrets.token_hex(6)}.tmp")
    text = json.dumps(manifest, indent=2) + "\n"
    try:
        with open(temporary, "x", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        if path.exists():
            os.chmod(temporary, stat.S_IMODE(path.stat().st_mode))
        verify()
        os.replace(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    _sync(folder)
    if path.read_text(encoding="utf-8") != text:
        raise LockkeeperError("MANIFEST_MOVED", f"{path} was replaced by another program at once", "Find the program that does not take the writer lock.", str(path))
    return int(manifest["version"])


def _sync(path: PathLike) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


#: Locks of this process by device and inode: the kernel's keep out other processes only, and closing any descriptor of the file would drop ours.
_held: Set[Tuple[int, int]] = set()
_held_guard = threading.Lock()


@contextmanager
def _writer_lock(folder: PathLike, purpose: str, wait: float) -> Iterator[Callable[[], None]]:
    """Holds the store's writer lock; gives what raises ``LOCK_REPLACED`` once the lock file is no longer the one at its path."""
    path = Path(folder, LOCK)
    deadline = time.monotonic() + wait
    while True:
        taken = _try_lock(path)
        if not isinstance(taken, str):
            break
        if time.monotonic() >= deadline:
            raise LockkeeperError("WRITER_LOCKED", f"the writer lock of {folder} is held {taken}",
                                  "Wait for it to end (wait=600), or stop that process; deleting the lock file does not help.", str(path))
        time.sleep(min(0.1, max(0.0, deadline - time.monotonic())))
    descriptor, key = taken
    try:
        note = {"pid": os.getpid(), "command": " ".join(sys.argv[:3]), "host": socket.gethostname(), "since": datetime.now(timezone.utc).isoformat(), "purpose": purpose}
        _write_note(descriptor, note)

        def verify() -> None:
            at_path = os.stat(path) if path.exists() else None
            if at_path is None or (at_path.st_dev, at_path.st_ino) != key:
                raise LockkeeperError("LOCK_REPLACED", f"{path} was deleted or replaced while it was held", "Nothing was switched. Let nothing delete lock files.", str(path))

        yield verify
        _write_note(descriptor, {**note, "closed": datetime.now(timezone.utc).isoformat()})
    finally:
        os.close(descriptor)
        with _held_guard:
            _held.discard(key)


def _try_lock(path: Path) -> Union[str, Tuple[int, Tuple[int, int]]]:
    """The lock's descriptor and key; or who holds it, in words."""
    with _held_guard:
        if path.exists() and _key(os.stat(path)) in _held:
            return "by another thread of this process"
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o644)
        try:
            fcntl.lockf(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            holder = _read_note(descriptor)
            os.close(descriptor)
            return holder
        key = _key(os.fstat(descriptor))
        if not path.exists() or _key(os.stat(path)) != key:
            os.close(descriptor)
            return "by a file that has just gone"
        _held.add(key)
        return descriptor, key


def _key(found: os.stat_result) -> Tuple[int, int]:
    return (found.st_dev, found.st_ino)


def _write_note(descriptor: int, note: Mapping[str, Any]) -> None:
    """For people and error messages; it decides nothing."""
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, f"{note['pid']}\n{json.dumps(note)}\n".encode(), 0)


def _read_note(descriptor: int) -> str:
    try:
        note = json.loads(os.pread(descriptor, 16 * 1024, 0).decode().split("\n")[1])
        return "by a program that left no note" if "closed" in note else f"by process {note['pid']} ({note.get('command', 'unknown')})"
    except (ValueError, IndexError, KeyError, TypeError):
        return "by a program that left no note"
