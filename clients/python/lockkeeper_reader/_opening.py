"""Opens what the manifest names: pinned, checked, warmed, and the manifest still the same."""

from __future__ import annotations

import logging
import os
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Callable, Dict, List, Optional, Tuple

import duckdb

from lockkeeper import LockkeeperError

from ._engine import first_line, lease, new_instance, query_error
from ._locate import Target, locate
from ._manifest import Resolver, Sighting
from ._pins import Pin, take_pin
from ._release import Generation

#: Tries of one opening; with the waits between them about 1.5 s while a file stays locked.
ATTEMPTS_MAX = 20

#: After so many tries a missing pin file is taken for removed by hand, not for a release that is being pruned.
PIN_ATTEMPTS_MAX = 5

#: A warm-up statement is interrupted after so long. Seconds.
WARMUP_S = 300.0

_log = logging.getLogger("lockkeeper")


@dataclass(frozen=True)
class Options:
    """How releases are opened and served; checked by ``open_reader``."""

    strict: bool
    warmup: Tuple[str, ...]
    drain_timeout: float
    wait_timeout: float
    poll_interval: float
    rows_max: int
    settings: Dict[str, str]


class OpeningFailed(Exception):
    """What the manifest named then could not be opened."""

    def __init__(self, sighting: Sighting, error: LockkeeperError) -> None:
        super().__init__(error.message)
        self.sighting = sighting
        self.error = error


class Opener:
    """Opens generations of one store, and knows those that are not closed yet."""

    def __init__(self, folder: Path, basename: Optional[str], options: Options) -> None:
        self.folder = folder
        self.basename = basename
        self.options = options
        self.resolver = Resolver(folder, basename)
        self.process = os.getpid()
        self.closing = threading.Event()
        self._guard = threading.Lock()
        self._generations: List[Generation] = []
        self._last_number = 0
        self._spare: Any = None

    def open_active(self) -> Optional[Tuple[Sighting, Generation]]:
        """The release that the manifest names, ready to serve; ``None`` where there is no usable manifest any more. Raises ``OpeningFailed``.

        The manifest is the same before and after the file was opened, or it is tried again: a reader that stalls between the two over a pair of
        switches would otherwise serve one release under another's name.
        """
        attempt = 0
        while True:
            attempt += 1
            sighting = self.resolver.look()
            if sighting.kind != "manifest":
                return None
            try:
                return sighting, self._attempt(sighting, attempt)
            except (LockkeeperError, OSError, duckdb.Error) as cause:
                error = cause if isinstance(cause, LockkeeperError) else _io_failed(cause, self.resolver.path)
                moved = error.code == "MANIFEST_MOVED" or self.resolver.look() is not sighting
                if not (moved or error.code == "FILE_LOCKED") or attempt >= ATTEMPTS_MAX or self.closing.is_set():
                    raise OpeningFailed(sighting, error) from cause
            self.closing.wait((attempt - 1) / 1000 if moved else min(2 ** (attempt - 1) / 1000, 0.1))

    def _attempt(self, sighting: Sighting, attempt: int) -> Generation:
        target = locate(self.folder, self.basename, sighting)
        pin, unpinned = _pin(target, attempt)
        generation = self.open_target(target, pin, lambda: self._assert_same(sighting))
        self._warm(generation)
        if unpinned:
            _log.warning("release %s is served without a pin, so prune cannot see this reader: %s", target.release, unpinned)
        return generation

    def _assert_same(self, sighting: Sighting) -> None:
        if self.closing.is_set():
            raise reader_closed(self.folder)
        if self.resolver.look() is not sighting:
            path = str(self.resolver.path)
            raise LockkeeperError("MANIFEST_MOVED", f"{path} was replaced while its release was being opened", "Try again.", path)

    def open_target(self, target: Target, pin: Optional[Pin], verify: Callable[[], None]) -> Generation:
        """Opens a file. ``verify`` runs before and after, and raises if it may not serve."""
        try:
            verify()
            leased = lease(target.path, target.names, self.options.settings, self._take_spare)
            try:
                verify()
            except BaseException:
                leased.release()
                raise
        except BaseException:
            if pin is not None:
                pin.release()
            raise
        with self._guard:
            self._last_number += 1
            generation = Generation(self._last_number, target, leased, pin)
            self._generations = [each for each in self._generations if not each.closed.is_set()] + [generation]
        return generation

    def _warm(self, generation: Generation) -> None:
        for number, sql in enumerate(self.options.warmup, 1):
            try:
                _run_to_its_end(generation, sql)
            except (duckdb.Error, RuntimeError) as cause:
                generation.discard()
                error = query_error(cause)
                release = generation.target.release
                message = f"warm-up statement {number} failed on release {release}: {error.message}"
                raise LockkeeperError(error.code, message, error.hint, release) from cause

    def retire(self, generation: Generation) -> None:
        """Lets one go that was replaced."""
        generation.drain(self.options.drain_timeout)

    def generations(self) -> List[Generation]:
        """Those that are open, oldest first."""
        with self._guard:
            return [each for each in self._generations if not each.closed.is_set()]

    def prepare_spare(self) -> bool:
        """Makes an empty instance, so that the next switch costs an attach. What is wrong with it is left to the opening that needs one. Whether there was none."""
        if self._spare is not None:
            return False
        try:
            self._spare = new_instance(self.options.settings)
        except LockkeeperError:
            pass
        return True

    @property
    def has_spare(self) -> bool:
        return self._spare is not None

    def drop_spare(self) -> None:
        spare, self._spare = self._spare, None
        if spare is not None:
            spare.close()

    def _take_spare(self) -> Any:
        with self._guard:
            spare, self._spare = self._spare, None
        return spare if spare is not None else new_instance(self.options.settings)


def reader_closed(folder: Path) -> LockkeeperError:
    """The error of a reader that was used after ``close``."""
    return LockkeeperError("READER_CLOSED", "the reader is closed", "Open a new reader, or close it after the last request.", str(folder))


def _io_failed(cause: BaseException, path: Path) -> LockkeeperError:
    code = "PERMISSION_DENIED" if isinstance(cause, PermissionError) else "IO_FAILED"
    return LockkeeperError(code, f"the release that {path} names cannot be opened: {first_line(cause)}", None, str(path))


def _pin(target: Target, attempt: int) -> Tuple[Optional[Pin], Optional[str]]:
    """The pin, or why a release that should have one is served without."""
    if target.pin is None:
        return None, None
    taken = take_pin(target.pin)
    if isinstance(taken, Pin):
        return taken, None
    if taken is None and attempt < PIN_ATTEMPTS_MAX:
        message = f"release {target.release} has no pin at {target.pin}; it is being replaced"
        raise LockkeeperError("MANIFEST_MOVED", message, "Try again.", str(target.pin))
    return None, taken or f"there is no pin file at {target.pin}"


def _run_to_its_end(generation: Generation, sql: str) -> None:
    cursor = generation.lend()
    timer = threading.Timer(WARMUP_S, cursor.interrupt)
    timer.start()
    try:
        cursor.execute(sql)
        while cursor.description and cursor.fetchmany(10_000):
            pass
    finally:
        timer.cancel()
        timer.join()
        generation.take_back(cursor, False)
