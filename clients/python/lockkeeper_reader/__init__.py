"""Serves the active release of a Lockkeeper store to the requests of a Python app, and moves on when another is published.

    from lockkeeper_reader import open_reader

    reader = open_reader("data/holdings")
    with reader.borrow() as release:
        rows = release.query("SELECT asset, shares FROM holdings WHERE cik = ?", [1067983])

A borrow holds one release to its end, so that two queries of one request never speak of two. Open one reader for each process, after it was
forked, and share it between its threads. Needs ``duckdb``, and ``lockkeeper.py`` beside this folder; Python 3.9 or newer on Linux or macOS.
"""

from lockkeeper import LockkeeperError

from ._reader import Reader, open_reader
from ._release import Release, Rows

__all__ = ["LockkeeperError", "Reader", "Release", "Rows", "open_reader"]
