"""Runs what Lockkeeper tells Dagster through Dagster itself, and prints what Dagster has recorded, a JSON line for each run.

Arguments: the folder of a workspace with the store `marts`, the folder of the example's definitions, the words that start `lockkeeper`, as JSON, and files of
definitions that run, too.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

folder, example, lockkeeper = Path(sys.argv[1]), sys.argv[2], json.loads(sys.argv[3])
os.chdir(folder)
sys.path.insert(0, example)

from dagster import (  # noqa: E402
    AssetCheckSpec,
    AssetSpec,
    DagsterInstance,
    Definitions,
    PipesSubprocessClient,
    job,
    materialize,
    multi_asset,
    op,
)
from definitions import marts_asset, publish  # noqa: E402

GOOD = "CREATE TABLE companies AS SELECT range AS cik FROM range(3); CREATE TABLE filings AS SELECT range AS n FROM range(9);"
FEW = "CREATE TABLE companies AS SELECT 1 AS cik; CREATE TABLE filings AS SELECT range AS n FROM range(9);"
CHECKS = ("release_checks", "opens", "rows_companies", "rows_filings", "not_there")
SQL = ("--sql", "sql")


def write(text):
    (folder / "sql").mkdir(exist_ok=True)
    (folder / "sql" / "all.sql").write_text(text)


def recorded(instance, run_id):
    """What Dagster's event log has of a run, in the words of the tests."""
    told = {"status": instance.get_run_by_id(run_id).status.value, "assets": [], "checks": {}, "failures": [], "closed": [], "log": []}
    for entry in instance.all_logs(run_id):
        event = entry.dagster_event
        if event is None:
            told["log"].append(entry.user_message)
            continue
        kind, data = event.event_type_value, event.event_specific_data
        if kind == "ASSET_MATERIALIZATION":
            made = data.materialization
            metadata = {name: value.value for name, value in made.metadata.items()}
            version = (made.tags or {}).get("dagster/data_version")
            told["assets"].append({"key": made.asset_key.to_user_string(), "version": version, "metadata": metadata})
        elif kind == "ASSET_CHECK_EVALUATION":
            about = data.target_materialization_data
            told["checks"][data.check_name] = {
                "asset": data.asset_key.to_user_string(),
                "passed": data.passed,
                "severity": data.severity.value,
                "message": data.metadata["message"].value,
                "ofThisRun": about is not None and about.run_id == run_id,
            }
        elif kind == "STEP_FAILURE":
            error = data.error
            told["failures"].append((error.cause or error).message)
        elif kind == "ENGINE_EVENT" and data is not None and data.error is not None:
            told["closed"].append({"event": event.message, "name": data.error.cls_name, "message": data.error.message})
    return told


def tell(name, instance, run_id):
    print("told " + json.dumps({"name": name, **recorded(instance, run_id)}))


def run(name, *assets):
    with DagsterInstance.ephemeral() as instance:
        result = materialize(list(assets), raise_on_error=False, instance=instance)
        tell(name, instance, result.run_id)


def marts(build=SQL, checks=CHECKS):
    return marts_asset(lockkeeper=lockkeeper, build=build, checks=checks, folder=folder)


@multi_asset(
    specs=[AssetSpec(["db", "Companies"]), AssetSpec(["db", "filings"]), AssetSpec("web")],
    check_specs=[AssetCheckSpec("rows_companies", asset=["db", "Companies"]), AssetCheckSpec("opens", asset="web")],
)
def tables(context):
    yield from publish(context, [*lockkeeper, "publish", "marts", *SQL], folder)


@op
def publish_in_op(context):
    client = PipesSubprocessClient(cwd=str(folder))
    client.run(context=context, command=[*lockkeeper, "publish", "marts", *SQL])


@job
def op_job():
    publish_in_op()


def by_command_line():
    """Two runs of `dagster asset materialize`, as a person or a scheduler starts it; what it kept is read afterwards."""
    home = folder / "dagster-home"
    home.mkdir()
    (home / "dagster.yaml").write_text("telemetry:\n  enabled: false\n")
    definitions = folder / "marts_definitions.py"
    definitions.write_text(
        f"import sys\nsys.path.insert(0, {example!r})\nfrom pathlib import Path\nfrom dagster import Definitions\n"
        f"from definitions import marts_asset\n"
        f"defs = Definitions(assets=[marts_asset(lockkeeper={lockkeeper!r}, build={SQL!r}, checks={CHECKS!r}, folder=Path({str(folder)!r}))])\n"
    )
    environment = {**os.environ, "DAGSTER_HOME": str(home)}
    command = [str(Path(sys.executable).parent / "dagster"), "asset", "materialize", "-f", str(definitions), "--select", "marts"]
    exits = []
    for text in (GOOD, FEW):
        write(text)
        exits.append(subprocess.run(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE).returncode)
    with DagsterInstance.from_config(str(home)) as instance:
        records = sorted(instance.get_run_records(), key=lambda record: record.storage_id)
        latest = instance.get_latest_materialization_event(marts().key).asset_materialization.metadata["release"].value
        for name, code, record in zip(("command line", "command line, refused"), exits, records):
            told = recorded(instance, record.dagster_run.run_id)
            print("told " + json.dumps({"name": name, "exit": code, "latest": latest, **told}))


write(GOOD)
run("out", marts())
run("no checks declared", marts(checks=()))
run("several assets", tables)
with DagsterInstance.ephemeral() as instance:
    tell("op", instance, op_job.execute_in_process(instance=instance).run_id)
run("failed", marts(build=("--", "sh", "-c", "echo the source is not there >&2; exit 4")))
run("not a command", marts(build=("--base", "b")))
write(FEW)
run("refused", marts())
by_command_line()

# What the page tells to write, as it stands there.
for page in sys.argv[4:]:
    scope = {}
    exec(compile(Path(page).read_text(), page, "exec"), scope)
    assert isinstance(scope["defs"], Definitions)
    for text, how in ((GOOD, ""), (FEW, ", refused")):
        write(text)
        run(f"page{how}", *scope["defs"].assets)
