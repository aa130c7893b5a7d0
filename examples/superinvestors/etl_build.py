"""The same ETL in the steps of an orchestrator: `lockkeeper build begin`, then whatever writes the file, then `build commit`.

    FILINGS=folder python3 etl_build.py --week 4

What a check refused is exit 3, as of the command line; whatever fails on the way aborts the build, and what was active stays so.
"""

import json
import os
import subprocess
import sys

import etl

STORE = "by_commit"


def lockkeeper(*words):
    """Runs a command and returns its document. Raises CalledProcessError; exit 3 is a build that a check refused."""
    return json.loads(subprocess.run(["lockkeeper", "--json", *words], check=True, stdout=subprocess.PIPE).stdout)


def main():
    given = etl.arguments()
    build = lockkeeper("build", "begin", STORE, "--label", f"process {os.getpid()}")
    try:
        etl.build(build["path"], given.as_of, given.week)
    except BaseException:
        lockkeeper("build", "abort", build["build"], "--reason", "the ETL failed")
        raise
    committed = lockkeeper("build", "commit", build["build"])
    print(f"{STORE}: {committed['release']} is version {committed['version']}")


if __name__ == "__main__":
    try:
        main()
    except subprocess.CalledProcessError as error:
        sys.stderr.write(error.stdout.decode())  # of a build that was refused: the document with every check
        sys.exit(error.returncode)
