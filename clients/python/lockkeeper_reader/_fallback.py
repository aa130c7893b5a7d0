"""The single file that serves where there is no manifest."""

from __future__ import annotations

import hashlib
import os
import stat
import threading
import time
from pathlib import Path
from typing import Optional, Tuple

from lockkeeper import LockkeeperError

from ._locate import Target
from ._manifest import iso
from ._opening import Opener, reader_closed
from ._release import Generation

#: Names that DuckDB keeps for itself.
RESERVED = ("memory", "main", "temp", "system")

#: How often a request asks for a file that another program has locked. Seconds.
RETRY_S = 0.025


class Fallback:
    """Open only while requests use it and shortly after, so that a program that rebuilds the file in place gets its lock; while that one holds it,
    requests wait."""

    def __init__(self, opener: Opener, path: Path, idle: float) -> None:
        self.path = path
        self._opener = opener
        self._idle = idle
        self._guard = threading.Lock()
        self._current: Optional[Tuple[str, Generation]] = None

    def modified_at(self) -> Optional[str]:
        """When the file was written. Does not open it."""
        try:
            return iso(os.stat(self.path).st_mtime_ns)
        except OSError:
            return None

    def acquire(self, deadline: float) -> Generation:
        """The file as it is now, held. Raises ``UNAVAILABLE`` when it is missing or locked past the deadline."""
        while True:
            try:
                with self._guard:
                    if self._opener.closing.is_set():
                        raise reader_closed(self._opener.folder)
                    current = self._usable() or self._open()
                    if current.hold():
                        return current
            except LockkeeperError as error:
                if error.code not in ("FILE_LOCKED", "FILE_MISSING", "MANIFEST_MOVED"):
                    raise
                if time.monotonic() >= deadline:
                    message = f"the fallback file cannot be read now: {error.message}"
                    raise LockkeeperError("UNAVAILABLE", message, "Try again when the program that writes it has finished.", str(self.path)) from error
                time.sleep(RETRY_S)

    def probe(self) -> None:
        """Opens it once, to know that it can serve. A file that another program has locked is as good: requests wait for it."""
        try:
            self.acquire(time.monotonic()).end()
        except LockkeeperError as error:
            if not (isinstance(error.__cause__, LockkeeperError) and error.__cause__.code == "FILE_LOCKED"):
                raise

    def release(self) -> None:
        """Lets the file go once its requests have ended."""
        with self._guard:
            self._let_go()

    def _let_go(self) -> None:
        if self._current is not None:
            self._opener.retire(self._current[1])
        self._current = None

    def _usable(self) -> Optional[Generation]:
        if self._current is None:
            return None
        key, generation = self._current
        if key == self._key() and not generation.broken:
            return generation
        self._let_go()
        return None

    def _open(self) -> Generation:
        key = self._key()
        path = Path(os.path.realpath(self.path))
        if not os.path.lexists(path):
            raise LockkeeperError("FILE_MISSING", f"there is no fallback file at {self.path}", "Put it there, or publish a release.", str(self.path))
        found = os.stat(path)
        if not stat.S_ISREG(found.st_mode):
            raise LockkeeperError("CONFIG_INVALID", f"the fallback {self.path} is not a regular file", "Name the file itself.", str(self.path))

        def verify() -> None:
            if self._key() != key:
                raise LockkeeperError("MANIFEST_MOVED", f"{self.path} changed while it was being opened", "Try again.", str(self.path))

        uid = hashlib.sha256(key.encode()).hexdigest()[:32]
        target = Target("fallback", 0, uid, None, iso(found.st_mtime_ns), path, self._names(), None)
        generation = self._opener.open_target(target, None, verify)
        generation.activate()
        self._current = (key, generation)
        threading.Thread(target=self._watch, args=(generation,), name="lockkeeper-fallback", daemon=True).start()
        return generation

    def _names(self) -> Tuple[str, ...]:
        stem, basename = self.path.stem, self._opener.basename
        if basename is None and stem.lower() in RESERVED:
            raise LockkeeperError("CONFIG_INVALID", f'the fallback file\'s name "{stem}" cannot be a catalogue name',
                                  "Rename the file, or give `basename`.", str(self.path))
        more = () if basename in (None, stem) or stem.lower() in RESERVED else (stem,)
        return (basename or stem, *more)

    def _watch(self, generation: Generation) -> None:
        while not generation.closed.wait(max(self._idle / 4, 0.01)):
            with self._guard:
                if self._current is None or self._current[1] is not generation:
                    return
                if generation.holds == 0 and time.monotonic() - generation.idle_since >= self._idle:
                    self._let_go()
                    return

    def _key(self) -> str:
        """Changes when the file does. A link, too, may be turned to another file."""
        keys = []
        for look in (os.lstat, os.stat):
            try:
                found = look(self.path)
                keys.append(f"{found.st_dev}:{found.st_ino}:{found.st_size}:{found.st_mtime_ns}")
            except OSError:
                keys.append("none")
        return " ".join(keys)
