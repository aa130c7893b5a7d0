"""The store `marts` as an asset of Dagster: every run is a release of Lockkeeper, and the release's checks are the asset's.

    pip install dagster dagster-webserver
    dagster dev -f definitions.py
"""

from collections.abc import Iterator, Sequence
from pathlib import Path

from dagster import (
    AssetCheckSpec,
    AssetExecutionContext,
    AssetsDefinition,
    Definitions,
    PipesSubprocessClient,
    PipesTempFileMessageReader,
    asset,
)

# Which of the release's checks the asset has. A check of another name than these is told in the run's log; one of these that
# has not run is a warning. These run on whatever dbt builds as Parquet files; `release_checks` is all checks of the release together.
CHECKS = ("release_checks", "dbt_results", "parquet_footers", "phantom_rows")

WORKSPACE = Path(__file__).resolve().parent.parent


class RememberingReader(PipesTempFileMessageReader):
    """Keeps what was reported by a command that ends with another code than 0; the client alone would drop it."""

    def read_messages(self, handler):
        self.handler = handler
        return super().read_messages(handler)


def publish(context: AssetExecutionContext, command: Sequence[str], folder: Path) -> Iterator:
    """Runs a command of Lockkeeper. Yields what it reports; a refused release fails the step, after its checks."""
    reader = RememberingReader()
    client = PipesSubprocessClient(cwd=str(folder), message_reader=reader)
    checks: dict[str, list[str]] = {}
    for key in context.selected_asset_check_keys:
        checks.setdefault(key.asset_key.to_escaped_user_string(), []).append(key.name)
    try:
        done = client.run(context=context, command=list(command), extras={"lockkeeper": {"checks": checks}})
    except Exception:
        yield from reader.handler.get_reported_results()
        raise
    yield from done.get_results()


def marts_asset(
    *,
    lockkeeper: Sequence[str] = ("lockkeeper",),
    build: Sequence[str] = (),
    checks: Sequence[str] = CHECKS,
    folder: Path = WORKSPACE,
) -> AssetsDefinition:
    """The asset `marts`. `build` is what follows `lockkeeper publish marts`; without it the configuration's own build runs."""

    @asset(name="marts", check_specs=[AssetCheckSpec(name, asset="marts") for name in checks])
    def marts(context: AssetExecutionContext) -> Iterator:
        yield from publish(context, [*lockkeeper, "publish", "marts", *build], folder)

    return marts


defs = Definitions(assets=[marts_asset()])
