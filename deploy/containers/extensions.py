"""Puts DuckDB's extensions that are installed as wheels where its setting `extension_directory` looks for them.

    python extensions.py FOLDER

FOLDER/<version>/<platform>/<name>.duckdb_extension, so that no build downloads one. Nothing to do is fine.
"""

import importlib.util
import pathlib
import sys

import duckdb

# The wheel's name, and the extension's own.
WHEELS = {"duckdb_extension_postgres": ("postgres", "postgres_scanner")}

target = pathlib.Path(sys.argv[1])
platform = duckdb.sql("PRAGMA platform").fetchone()[0]
for wheel, (file, name) in WHEELS.items():
    found = importlib.util.find_spec(wheel)
    if found is None:
        continue
    for source in pathlib.Path(found.origin).parent.glob(f"extensions/*/{file}.duckdb_extension"):
        link = target / source.parent.name / platform / f"{name}.duckdb_extension"
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(source)
        print(link)
