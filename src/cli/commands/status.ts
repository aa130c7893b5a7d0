import type { StoreStatus } from "../../model/results.ts";
import type { CommandContext, Outcome } from "../context.ts";
import type { Style } from "../render/style.ts";
import { printable, tableLines } from "../render/text.ts";
import { withWorkspace } from "../workspace.ts";

/** `status`: what is active in every store. Always 0: it reports, `check` judges. */
export async function run(_input: object, context: CommandContext): Promise<Outcome> {
  return withWorkspace(context, async (workspace) => {
    const stores = await workspace.status();
    return { word: "status", body: { stores }, exit: 0, text: (style) => statusText(workspace.configPath, stores, style) };
  });
}

function statusText(config: string, stores: readonly StoreStatus[], style: Style): string {
  if (stores.length === 0) return `${printable(config)} has no stores yet; add [stores.NAME], see the comments in the file.`;
  const rows = stores.map((store) => [
    store.store,
    store.status,
    store.release ?? "-",
    store.version === undefined ? "-" : String(store.version),
    store.lastUpdated ?? "-",
    lockText(store.lock),
  ]);
  const builds = stores.flatMap((store) =>
    (store.builds ?? []).map(({ build, state, expiresAt }) => {
      const when = expiresAt === undefined ? "" : ` ${state === "expired" ? "since" : "until"} ${expiresAt}`;
      return `${store.store}: build ${build} is ${state}${when}`;
    }),
  );
  const details = stores.flatMap((store) => store.detail.map((detail) => `${style.yellow(store.store)}: ${printable(detail)}`));
  return [
    ...tableLines(["store", "status", "release", "version", "updated", "lock"], rows, { style, right: new Set([3]) }),
    ...(builds.length > 0 ? ["", ...builds] : []),
    ...(details.length > 0 ? ["", ...details] : []),
    "",
    "Next:",
    ...nextCommands(stores).map(([command, what]) => `  ${command.padEnd(42)} ${style.dim(what)}`),
  ].join("\n");
}

function lockText(lock: StoreStatus["lock"]): string {
  if (!lock) return "-";
  if (lock.pid === undefined) return `${lock.lock}, another program`;
  return lock.held ? `${lock.lock}, process ${lock.pid}` : `free; process ${lock.pid} died`;
}

/** What helps most now: a first release where there is none, adoption where another program switches, else the daily verbs. */
function nextCommands(stores: readonly StoreStatus[]): [string, string][] {
  const empty = stores.find((store) => store.release === undefined);
  const served = stores.find((store) => store.release !== undefined);
  const first: [string, string][] = empty
    ? [[`lockkeeper publish ${empty.store} -- COMMAND`, "build and publish its first release"]]
    : [];
  if (!served) return first;
  const back: [string, string][] = served.previous
    ? [[`lockkeeper rollback ${served.store}`, `back to ${served.previous.release}`]]
    : [];
  return [
    ...first,
    [`lockkeeper query ${served.store} "SHOW TABLES"`, "look inside the active release"],
    [`lockkeeper publish ${served.store} -- COMMAND`, "build the next release"],
    ...back,
  ];
}
