"""A release that is open, and what a request gets of it."""

from __future__ import annotations

import logging
import threading
import time
from datetime import datetime, timezone
from typing import Any, Dict, List, Mapping, Optional, Sequence, Set, Tuple, Union

import duckdb

from lockkeeper import LockkeeperError

from ._engine import Lease, first_line, identifier, query_error
from ._locate import Target
from ._pins import Pin

Parameters = Union[Sequence[Any], Mapping[str, Any], None]

#: How often a release that drains for too long is interrupted again, until its borrowers let go. Seconds.
INTERRUPT_EVERY_S = 0.25

#: Cursors of one release that are kept for the next requests.
CURSORS_KEPT = 32

_log = logging.getLogger("lockkeeper")


class Rows(List[Tuple[Any, ...]]):
    """A result: a list of tuples. Integers and decimals are exact: Python's ``int`` and ``decimal.Decimal``."""

    def __init__(self, columns: Sequence[str], rows: Sequence[Tuple[Any, ...]]) -> None:
        super().__init__(rows)
        #: Names of the columns, as the statement has them.
        self.columns = list(columns)

    def dicts(self) -> List[Dict[str, Any]]:
        """Each row as a dictionary; a second column of a name is ``name:1``."""
        names: List[str] = []
        for name in self.columns:
            number, unique = 0, name
            while unique in names:
                number += 1
                unique = f"{name}:{number}"
            names.append(unique)
        return [dict(zip(names, row)) for row in self]


class Generation:
    """A release as this process has it open. Requests hold it to their end; once replaced it drains and closes."""

    def __init__(self, number: int, target: Target, lease: Lease, pin: Optional[Pin]) -> None:
        self.number = number
        self.target = target
        self.pinned = pin is not None
        #: ``warming``, ``active``, ``draining``, ``retired``, or ``failed``: it never served.
        self.state = "warming"
        self.holds = 0
        self.idle_since = time.monotonic()
        self.draining_since: Optional[datetime] = None
        #: Seconds that its requests had, once they are over.
        self.interrupted_after: Optional[float] = None
        #: The engine has declared its instance unusable.
        self.broken = False
        self.closed = threading.Event()
        self._lease = lease
        self._pin = pin
        self._guard = threading.Lock()
        self._free: List[Any] = []
        self._lent: Set[Any] = set()
        self._use = f"USE {identifier(target.names[0])}.main"

    def activate(self) -> None:
        """From now on it is there for requests."""
        self.state = "active"

    def hold(self) -> bool:
        """False when it is not, or no longer, there for requests."""
        with self._guard:
            if self.state != "active":
                return False
            self.holds += 1
            return True

    def end(self) -> None:
        """Ends a hold. The last one of a release that was replaced closes it."""
        with self._guard:
            self.holds -= 1
            if self.holds == 0:
                self.idle_since = time.monotonic()
            last = self.holds == 0 and self.state == "draining"
        if last:
            self._close("retired")

    def drain(self, timeout: float) -> None:
        """Lets it go: closes now when nobody holds it, else when the last one has ended; after ``timeout`` seconds its queries are interrupted."""
        with self._guard:
            if self.state != "active":
                return
            self.state = "draining"
            self.draining_since = datetime.now(timezone.utc)
            idle = self.holds == 0
        if idle:
            self._close("retired")
        else:
            threading.Thread(target=self._interrupt_late, args=(timeout,), name="lockkeeper-drain", daemon=True).start()

    def discard(self) -> None:
        """Closes one that never served."""
        self._close("failed")

    def lend(self) -> Any:
        """A cursor, its search path set: for one borrower."""
        with self._guard:
            cursor = self._free.pop() if self._free else None
        if cursor is None:
            cursor = self._lease.instance.cursor()
            # A search path holds for one cursor only.
            cursor.execute(self._use)
        with self._guard:
            self._lent.add(cursor)
        return cursor

    def take_back(self, cursor: Any, clean: bool) -> None:
        """``clean``: it has done nothing that the next borrower could notice."""
        with self._guard:
            self._lent.discard(cursor)
            if clean and self.state == "active" and len(self._free) < CURSORS_KEPT:
                self._free.append(cursor)
                return
        cursor.close()

    def give_up(self) -> None:
        """An internal error makes the engine refuse every later query of the instance."""
        self.broken = True
        self._lease.retire()

    def _interrupt_late(self, timeout: float) -> None:
        if self.closed.wait(timeout):
            return
        self.interrupted_after = timeout
        # Once more and again: an interrupt ends what runs, not what a borrower runs next.
        while not self.closed.is_set():
            with self._guard:
                for cursor in self._lent:
                    cursor.interrupt()
            self.closed.wait(INTERRUPT_EVERY_S)

    def _close(self, state: str) -> None:
        try:
            free, self._free = self._free, []
            for cursor in free:
                cursor.close()
            self._lease.release()
        except Exception as error:
            _log.warning("release %s did not close cleanly: %s", self.target.release, first_line(error))
        finally:
            if self._pin is not None:
                self._pin.release()
            self.state = state
            self.closed.set()


class Release:
    """One release, as a request holds it. It does not change, whatever is published meanwhile. For one thread at a time."""

    def __init__(self, generation: Generation, rows_max: int) -> None:
        target = generation.target
        #: The release's id; ``v<version>-<slot>`` when another program published it, ``fallback`` for the single file.
        self.release = target.release
        #: The manifest's version; 0 for the single file.
        self.version = target.version
        #: 32 hex digits; no two releases share one.
        self.uid = target.uid
        #: What the manifest calls it; ``None`` for the single file.
        self.active = target.active
        #: RFC 3339 UTC: when it became active.
        self.last_updated = target.last_updated
        self._generation = generation
        self._rows_max = rows_max
        self._cursor: Any = None
        self._clean = True
        self._over = False

    @property
    def connection(self) -> Any:
        """A DuckDB cursor of this borrow's own, for what ``query`` does not do. It is closed when the borrow ends, and with it what was made from it."""
        cursor = self._take()
        self._clean = False
        return cursor

    def query(self, sql: str, parameters: Parameters = None) -> Rows:
        """Runs one statement that only reads. A list of parameters stands for ``?`` and ``$1``, a dictionary for ``$name``.

        Raises ``QUERY_REFUSED``, ``QUERY_FAILED``, ``BIND_FAILED``, ``LIMIT_ROWS``, ``INTERRUPTED``; ``READER_CLOSED`` once the borrow has ended.
        """
        if isinstance(parameters, (str, bytes)):
            raise LockkeeperError("BIND_FAILED", f"the parameters are {parameters!r}", "Give a list or a dictionary of them.")
        cursor = self._take()
        try:
            statement = _only_statement(cursor, sql)
            # What EXPLAIN ANALYZE runs may leave something behind.
            self._clean = self._clean and statement.type == duckdb.StatementType.SELECT
            cursor.execute(statement, parameters)
            columns = [column[0] for column in cursor.description or ()]
            rows = cursor.fetchmany(self._rows_max + 1)
        except (duckdb.Error, RuntimeError, TypeError) as error:
            self._clean = False
            raise self._told(error) from error
        if len(rows) > self._rows_max:
            self._clean = False
            raise LockkeeperError("LIMIT_ROWS", f"the result has more than {self._rows_max} rows",
                                  "Ask for less, raise `rows_max`, or read it in pieces from `connection`.")
        return Rows(columns, rows)

    def _take(self) -> Any:
        if self._over:
            raise LockkeeperError("READER_CLOSED", f"release {self.release} was used after its borrow had ended",
                                  "Use it inside the with block only.", self.release)
        if self._generation.interrupted_after is not None:
            raise self._replaced()
        if self._cursor is None:
            try:
                self._cursor = self._generation.lend()
            except duckdb.Error as error:
                raise self._told(error) from error
        return self._cursor

    def _told(self, error: BaseException) -> LockkeeperError:
        if isinstance(error, (duckdb.FatalException, duckdb.InternalException)) or "database has been invalidated" in str(error):
            self._generation.give_up()
        told = query_error(error)
        return self._replaced() if told.code == "INTERRUPTED" and self._generation.interrupted_after is not None else told

    def _replaced(self) -> LockkeeperError:
        message = f"release {self.release} was replaced, and its requests had {self._generation.interrupted_after} s to finish"
        return LockkeeperError("INTERRUPTED", message, "Ask again: the answer comes from the new release. Long queries need a longer drain_timeout.", self.release)

    def _end(self) -> None:
        self._over = True
        try:
            if self._cursor is not None:
                self._generation.take_back(self._cursor, self._clean)
        finally:
            self._cursor = None
            self._generation.end()


def _only_statement(cursor: Any, sql: str) -> Any:
    statements = cursor.extract_statements(sql)
    hint = "Only one SELECT, EXPLAIN, SHOW, DESCRIBE or FROM statement can be run here; `connection` takes others."
    if len(statements) != 1:
        raise LockkeeperError("QUERY_REFUSED", f"the SQL text holds {len(statements)} statements", hint)
    kind = statements[0].type
    if kind not in (duckdb.StatementType.SELECT, duckdb.StatementType.EXPLAIN):
        raise LockkeeperError("QUERY_REFUSED", f"the statement is {str(kind).replace('StatementType.', '')}, which does not only read", hint)
    return statements[0]
