"""The same ETL in a world without Node.js: lockkeeper.py, one file beside it, writes the other slot and replaces the manifest.

    FILINGS=folder python3 etl_follow.py --week 4

TR_05_DB is the store's folder (default: data/by_manifest). When the build fails, the manifest and the slots are what they were.
"""

import os

from lockkeeper import build_slot, read_manifest

import etl

STORE = os.environ.get("TR_05_DB", "data/by_manifest")


def main():
    given = etl.arguments()
    with build_slot(STORE, "TR_05_DUCKDB_FILE") as path:
        etl.build(path, given.as_of, given.week)
    manifest = read_manifest(STORE)
    print(f"{STORE}: slot {manifest.active} is version {manifest.version}")


if __name__ == "__main__":
    main()
