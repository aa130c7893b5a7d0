"""Keeps a reader on the release that the manifest names."""

from __future__ import annotations

import logging
import threading
import time
from dataclasses import dataclass
from typing import Optional

from lockkeeper import SETTLE_S, LockkeeperError

from ._fallback import Fallback
from ._manifest import Sighting
from ._opening import Opener, OpeningFailed, reader_closed
from ._release import Generation

#: A manifest that was deleted for so long moves a running reader to the fallback. Seconds.
ABSENT_S = 2.0

#: Waits before a release that could not be opened is tried again. Seconds.
BACKOFF_FIRST_S, BACKOFF_MAX_S = 0.1, 30.0

#: How often a bad manifest is looked at until it counts, and a request looks for what it waits for when nobody tells it. Seconds.
LOOK_BAD_S, LOOK_WAITING_S = 0.005, 0.02

#: An empty instance is made so long after the last switch: making one costs a core for some milliseconds. Seconds.
SPARE_DELAY_S = 0.25

_log = logging.getLogger("lockkeeper")


@dataclass(frozen=True, eq=False)
class Serving:
    """What a reader serves from, and the look at the manifest that led to it. No generation: from the fallback."""

    sighting: Sighting
    generation: Optional[Generation]

    @property
    def version(self) -> int:
        return 0 if self.generation is None else self.generation.target.version


@dataclass(frozen=True, eq=False)
class Failure:
    """A release that could not be opened: remembered, so that requests need not wait for it again."""

    sighting: Sighting
    attempts: int
    retry_at: float


def first_serving(opener: Opener, fallback: Optional[Fallback]) -> Serving:
    """What a starting reader serves from: the release that the manifest names, or, where there is no usable manifest, the fallback.

    A good manifest whose release cannot be opened is an error, not a reason for the fallback: its data may be years old.
    """
    deadline = time.monotonic() + opener.options.wait_timeout
    while True:
        sighting = opener.resolver.look()
        if sighting.kind == "manifest":
            try:
                opened = opener.open_active()
            except OpeningFailed as failed:
                raise failed.error from failed.__cause__
            if opened is not None:
                opened[1].activate()
                return Serving(*opened)
        # A manifest that keeps coming and going is bad, too.
        elif time.monotonic() - sighting.since < SETTLE_S and time.monotonic() < deadline:
            time.sleep(LOOK_BAD_S)
        else:
            return _without_manifest(sighting, fallback)


def _without_manifest(sighting: Sighting, fallback: Optional[Fallback]) -> Serving:
    error = sighting.error
    assert error is not None
    if fallback is None or (fallback.modified_at() is None and sighting.kind == "missing"):
        if sighting.kind == "unusable":
            raise error
        second = f"no fallback file at {fallback.path}" if fallback else "no fallback is set (fallback=, variable DUCKDB_PATH)"
        hint = "Publish a release, put a manifest there, or name a single file as fallback."
        raise LockkeeperError("NO_RELEASE", f"{error.message}, and {second}", hint, error.subject)
    try:
        fallback.probe()
    except LockkeeperError as cause:
        message = f"{error.message}, and the fallback cannot serve: {cause.message}"
        raise LockkeeperError(cause.code, message, cause.hint, str(fallback.path)) from cause
    _log.warning("%s: serving the single file %s", error.message, fallback.path)
    return Serving(sighting, None)


class Follower:
    """Sees a switch, opens the new generation once, makes it active by one assignment, and keeps the last good one when it cannot.

    All openings and switches happen in one thread of its own; requests read ``serving``, and wait for that thread where they must.
    """

    def __init__(self, opener: Opener, fallback: Optional[Fallback]) -> None:
        self._opener = opener
        self._options = opener.options
        self._resolver = opener.resolver
        self._closing = opener.closing
        self.fallback = fallback
        self.serving = first_serving(opener, fallback)
        #: Why what is published does not serve.
        self.degraded: Optional[LockkeeperError] = None
        #: Openings that failed in a row; 0 once what is published serves.
        self.failures = 0
        self._failure: Optional[Failure] = None
        #: The newest sighting that could not be served: whoever waits for it or an older one is served the last good release.
        self._given_up = -1
        #: Rings whenever what is served, or is given up, changes.
        self._changed = threading.Condition()
        #: Somebody has seen another manifest.
        self._kicked = threading.Event()
        self._thread = threading.Thread(target=self._run, name="lockkeeper-reader", daemon=True)
        self._thread.start()

    def acquire(self, min_version: Optional[int]) -> Generation:
        """A generation that a request is to be served from, held. Raises ``UNAVAILABLE`` and ``READER_CLOSED``."""
        wanted = self._resolver.look()
        deadline = 0.0
        while True:
            if self._closing.is_set():
                raise reader_closed(self._opener.folder)
            serving = self.serving
            if serving.sighting is not wanted:
                self._kicked.set()
            if self._must_wait(wanted, min_version):
                deadline = deadline or time.monotonic() + self._options.wait_timeout
                self._catch_up(wanted, min_version, deadline)
                serving = self.serving
            if serving.generation is None:
                assert self.fallback is not None
                return self.fallback.acquire(deadline or time.monotonic() + self._options.wait_timeout)
            # Between the look at what serves and the hold it may have been replaced, and closed: then look again.
            if serving.generation.hold():
                return serving.generation

    def _must_wait(self, wanted: Sighting, min_version: Optional[int]) -> bool:
        serving = self.serving
        if min_version is not None and serving.version < min_version:
            return True
        if wanted is serving.sighting:
            return serving.generation is not None and serving.generation.broken and self._given_up < wanted.sequence
        if not self._options.strict or wanted.kind != "manifest":
            return False
        newer = wanted.sequence > serving.sighting.sequence and wanted.identity != serving.sighting.identity
        return newer and self._given_up < wanted.sequence

    def _catch_up(self, wanted: Sighting, min_version: Optional[int], deadline: float) -> None:
        with self._changed:
            while self._must_wait(wanted, min_version) and not self._closing.is_set():
                left = deadline - time.monotonic()
                if left <= 0:
                    break
                self._kicked.set()
                self._changed.wait(min(left, LOOK_WAITING_S))
            version = self.serving.version
        if min_version is None or version >= min_version or self._closing.is_set():
            return
        message = f"version {min_version} is not served here yet; this reader has version {version}"
        raise LockkeeperError("UNAVAILABLE", message, "Try again shortly.", str(self._resolver.path))

    def _run(self) -> None:
        while not self._closing.is_set():
            poll = self._options.poll_interval
            seen = self._kicked.wait(poll if self._opener.has_spare else min(poll, SPARE_DELAY_S))
            self._kicked.clear()
            try:
                self._follow()
            except Exception as error:
                # Whatever it is, the next look must come: a reader that follows no more looks healthy.
                self._fail(self._resolver.look(), LockkeeperError("BUG", f"following {self._resolver.path} failed: {error!r}"))
            if not seen and not self._closing.is_set():
                self._opener.prepare_spare()

    def _follow(self) -> None:
        while not self._closing.is_set():
            serving, sighting = self.serving, self._resolver.look()
            whole = serving.generation is None or not serving.generation.broken
            same = serving.sighting.identity == sighting.identity and (sighting.kind == "manifest") == (serving.generation is not None)
            if same and whole:
                return self._good(Serving(sighting, serving.generation))
            failure = self._failure
            if failure is not None and failure.sighting is sighting and time.monotonic() < failure.retry_at:
                return
            try:
                if sighting.kind == "manifest":
                    self._open()
                elif not self._follow_nothing(sighting):
                    return
            except OpeningFailed as failed:
                self._fail(failed.sighting, failed.error)
            except LockkeeperError as error:
                self._fail(sighting, error)

    def _open(self) -> None:
        opened = self._opener.open_active()
        if opened is not None:
            opened[1].activate()
            self._activate(Serving(*opened))

    def _follow_nothing(self, sighting: Sighting) -> bool:
        """Whether to look again at once."""
        error, age = sighting.error, time.monotonic() - sighting.since
        assert error is not None
        if age < SETTLE_S:
            self._closing.wait(LOOK_BAD_S)
            return True
        self._give_up(sighting)
        if self.serving.generation is None:
            self.serving = Serving(sighting, None)
            return False
        if sighting.kind == "unusable" or self.fallback is None:
            self._degrade(error)
            return False
        if age < ABSENT_S:
            return False
        self.fallback.probe()
        if self._resolver.look() is not sighting:
            return True
        _log.warning("%s was deleted: serving the single file %s from now on", self._resolver.path, self.fallback.path)
        self._activate(Serving(sighting, None))
        return False

    def _activate(self, following: Serving) -> None:
        previous = self.serving
        with self._changed:
            self.serving = following
            self._changed.notify_all()
        if previous.generation is not None:
            self._opener.retire(previous.generation)
        elif self.fallback is not None:
            self.fallback.release()
        before, after = previous.sighting.manifest, following.sighting.manifest
        if before is not None and after is not None and after.version <= before.version and after != before:
            message = "%s: version %d follows version %d; it is served, but versions should rise"
            _log.warning(message, self._resolver.path, after.version, before.version)
        if following.generation is not None:
            _log.info("release %s serves, version %d", following.generation.target.release, following.version)
        self._good(following)

    def _good(self, serving: Serving) -> None:
        with self._changed:
            self.serving = serving
            self._failure, self.failures = None, 0
            recovered, self.degraded = self.degraded is not None, None
            self._changed.notify_all()
        if recovered:
            _log.warning("what %s names serves again", self._resolver.path)

    def _fail(self, sighting: Sighting, error: LockkeeperError) -> None:
        if self._closing.is_set():
            return
        attempts = self._failure.attempts + 1 if self._failure is not None and self._failure.sighting is sighting else 1
        delay = min(BACKOFF_FIRST_S * 2 ** min(attempts - 1, 20), BACKOFF_MAX_S)
        self._failure = Failure(sighting, attempts, time.monotonic() + delay)
        self.failures += 1
        self._degrade(error)
        self._give_up(sighting)

    def _give_up(self, sighting: Sighting) -> None:
        with self._changed:
            self._given_up = max(self._given_up, sighting.sequence)
            self._changed.notify_all()

    def _degrade(self, error: LockkeeperError) -> None:
        first, self.degraded = self.degraded is None, error
        if first:
            _log.warning("what is published does not serve, the last good release does: %s: %s", error.code, error.message)

    def stop(self, timeout: float) -> None:
        """Ends the thread; what is under way in it is waited for. Call it when ``closing`` is set."""
        self._kicked.set()
        with self._changed:
            self._changed.notify_all()
        if self._thread is not threading.current_thread():
            self._thread.join(timeout)
