"""A Python reader under load: threads in closed loops over one reader, every answer checked against itself, what was seen told at the end.

Argument: JSON with `options` of `open_reader`, `threads`, and the `pause` between two requests of one, in seconds. Commands on standard input: `stop`. Lines on standard output: `ready`,
`switched <version>`, `report <json>`.
"""

import json
import os
import sys
import threading
import time
from collections import Counter, defaultdict
from pathlib import Path

from lockkeeper_reader import LockkeeperError, open_reader

told = json.loads(sys.argv[1])
reader = open_reader(**told["options"])
stopping = threading.Event()
guard = threading.Lock()
newest = 0
report = {"requests": 0, "failed": [], "lockErrors": 0, "mixed": [], "backwards": [], "memory": [], "descriptors": {}}
seen = defaultdict(Counter)


def request():
    """Two queries over two tables of one borrow: they must speak of one release, and the numbers must fit together."""
    global newest
    before = newest
    with reader.borrow() as release:
        count, total, low, high = release.query("SELECT count(*), sum(n), min(tag), max(tag) FROM t")[0]
        tag, rows = release.query("SELECT tag, rows FROM meta")[0]
        version, name = release.version, release.release
    with guard:
        report["requests"] += 1
        if not (count == rows and total == rows * (rows + 1) // 2 and low == tag == high):
            report["mixed"].append([name, version, tag, rows, count, str(total), low, high])
        # Whatever any thread had seen when this request began.
        if version < before:
            report["backwards"].append([before, version])
        seen[f"{name} {version}"][str(tag)] += 1
        # A thread that prints writes its text and its line feed one after the other: another may come between.
        if version > newest:
            newest = version
            print(f"switched {version}", flush=True)


def loop():
    while not stopping.is_set():
        try:
            request()
            time.sleep(told["pause"])
        except Exception as error:
            with guard:
                report["failed"].append(f"{getattr(error, 'code', '')} {error!r}")
                report["lockErrors"] += "lock" in str(error)
            time.sleep(0.01)


def sample():
    pages = os.sysconf("SC_PAGE_SIZE")
    while not stopping.wait(0.25):
        report["memory"].append(int(Path("/proc/self/statm").read_text().split()[1]) * pages)


def descriptors():
    return len(os.listdir("/proc/self/fd"))


reader.query("SELECT 1")
report["descriptors"]["start"] = descriptors()
running = [threading.Thread(target=loop) for _ in range(told["threads"])] + [threading.Thread(target=sample)]
for thread in running:
    thread.start()
with guard:
    print("ready", flush=True)
for line in sys.stdin:
    if line.strip() == "stop":
        break
stopping.set()
for thread in running:
    thread.join()
# What a switch replaced may still drain.
while len(reader.status()["generations"]) > 1:
    time.sleep(0.02)
report["status"] = reader.status()
report["descriptors"]["end"] = descriptors()
report["seen"] = seen
reader.close()
try:
    reader.query("SELECT 1")
except LockkeeperError as error:
    assert error.code == "READER_CLOSED", error
print("report " + json.dumps(report), flush=True)
