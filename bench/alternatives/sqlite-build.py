"""SQLite files for Datasette, with Python's own module.

python sqlite-build.py make TARGET FOLDER    both tables from FOLDER's CSV files
python sqlite-build.py number PATH NUMBER    the build's number into each row of both
python sqlite-build.py empty PATH ""         no filings
"""

import csv
import sqlite3
import sys
from pathlib import Path

command, path, argument = sys.argv[1:]
connection = sqlite3.connect(path)
if command == "empty":
    connection.execute("DELETE FROM filings")
for table in () if command == "empty" else ("investors", "filings"):
    if command == "number":
        connection.execute(f"UPDATE {table} SET build = ?", (int(argument),))
        continue
    with (Path(argument) / f"{table}.csv").open(newline="") as file:
        rows = csv.reader(file)
        columns = next(rows)
        types = ", ".join(f"{name} {'INTEGER' if name in ('cik', 'asset_id', 'shares', 'value') else 'TEXT'}" for name in columns)
        connection.execute(f"CREATE TABLE {table} ({types}, build INTEGER)")
        connection.executemany(f"INSERT INTO {table} VALUES ({', '.join('?' * len(columns))}, 0)", rows)
if command == "make":
    connection.execute("CREATE INDEX by_quarter ON filings (quarter)")
connection.commit()
connection.close()
