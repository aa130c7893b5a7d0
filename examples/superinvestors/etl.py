"""An ordinary ETL script. It knows the file to write, DUCKDB_PATH, and where the filings are, FILINGS; nothing of releases.

    DUCKDB_PATH=holdings.duckdb FILINGS=folder python3 etl.py --as-of 2025-01-31
    DUCKDB_PATH=holdings.duckdb FILINGS=folder python3 etl.py --week 4
"""

import argparse
import os
from pathlib import Path

import duckdb


def arguments():
    parser = argparse.ArgumentParser()
    when = parser.add_mutually_exclusive_group(required=True)
    when.add_argument("--as-of", metavar="DATE", help="take the filings up to this day")
    when.add_argument("--week", type=int, help="take those up to this week, 1 to 13, of the last quarter's filings")
    return parser.parse_args()


def build(path, as_of=None, week=None):
    """Writes the tables into the new file at path."""
    with duckdb.connect(str(path)) as connection:
        for name, value in {"filings": os.environ["FILINGS"], "as_of": as_of, "week": week}.items():
            connection.execute(f"SET VARIABLE {name} = $1", [value])
        connection.execute(Path(__file__).with_name("etl.sql").read_text())
        day, _, rows = connection.execute("FROM etl_run").fetchone()
    print(f"{rows} holdings as of {day}", flush=True)


if __name__ == "__main__":
    given = arguments()
    build(os.environ["DUCKDB_PATH"], given.as_of, given.week)
