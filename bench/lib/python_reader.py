"""Times a borrow of the reader for Python beside cursors that are kept open, in blocks that alternate.

Arguments: the store's folder, the active file, blocks. Prints JSON: for each measure the milliseconds of each block, ours and theirs.
"""

import json
import sys
import threading
import time

import duckdb

from lockkeeper_reader import open_reader

folder, path, blocks = sys.argv[1], sys.argv[2], int(sys.argv[3])
REQUESTS = 1000
THREADS = 8
POINT = "SELECT count(*) FROM airports WHERE airport = ?"
SMALL = "SELECT 1"

reader = open_reader(folder)
# A second instance on a file that the reader has open: nothing of it is closed before the process ends.
root = duckdb.connect(":memory:")
root.execute(f"ATTACH '{path}' AS flights (READ_ONLY)")


def open_cursor():
    cursor = root.cursor()
    cursor.execute("USE flights.main")
    return cursor


def borrowing(sql, parameters, times):
    for _ in range(times):
        with reader.borrow() as release:
            release.query(sql, parameters)


def asking(sql, parameters, times):
    cursor = open_cursor()
    for _ in range(times):
        cursor.execute(sql, parameters).fetchall()


def in_threads(work, *words):
    threads = [threading.Thread(target=work, args=(*words, REQUESTS // THREADS)) for _ in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def timed(action):
    began = time.perf_counter()
    action()
    return (time.perf_counter() - began) * 1000


def measure(name, sql, parameters, threads):
    def run(work):
        return timed(lambda: in_threads(work, sql, parameters) if threads else work(sql, parameters, REQUESTS))

    found = {"measure": name, "against": "the same on a DuckDB cursor that is kept open", "ours": [], "theirs": []}
    for block in range(blocks + 1):
        for work, into in ((borrowing, found["ours"]), (asking, found["theirs"])):
            spent = run(work)
            # The first block only warms up.
            if block > 0:
                into.append(spent)
    return found


point = [reader.query("SELECT min(airport) FROM airports")[0][0]]
results = [
    measure(f"{REQUESTS} × borrow and SELECT 1", SMALL, None, False),
    measure(f"{REQUESTS} × borrow and a query of one row", POINT, point, False),
    measure(f"the same, {THREADS} threads", POINT, point, True),
]
print(json.dumps(results))
