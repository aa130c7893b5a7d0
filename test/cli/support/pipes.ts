import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { deflateSync } from "node:zlib";
import { temporaryFolder } from "../../support/temporary.ts";

/** A message as it stands on a line. */
export interface ToldMessage {
  readonly __dagster_pipes_version: string;
  readonly method: string;
  readonly params: Readonly<Record<string, unknown>>;
}

/** A value as Dagster puts it into a variable. */
export function pipesVariable(value: unknown): string {
  return deflateSync(JSON.stringify(value)).toString("base64");
}

/** The context of a step, as Dagster 1.13 writes it. */
export function stepContext(assets: readonly string[] | null, checks?: unknown): Record<string, unknown> {
  const byAsset = assets && Object.fromEntries(assets.map((asset) => [asset, null]));
  return {
    asset_keys: assets,
    code_version_by_asset_key: byAsset,
    provenance_by_asset_key: byAsset,
    partition_key: null,
    partition_key_range: null,
    partition_time_window: null,
    run_id: "bde14ff8-43c9-48bf-a9b1-82291b4977a4",
    job_name: "__ASSET_JOB",
    retry_number: 0,
    extras: checks === undefined ? {} : { lockkeeper: { checks } },
  };
}

/** A session as Dagster opens one, by files: the environment of the command, and what it has told so far. */
export function pipesSession(context: unknown): {
  readonly env: Record<string, string>;
  readonly path: string;
  told(): ToldMessage[];
} {
  const folder = temporaryFolder();
  const path = join(folder, "messages");
  writeFileSync(join(folder, "context"), JSON.stringify(context));
  writeFileSync(path, "");
  return {
    env: {
      DAGSTER_PIPES_CONTEXT: pipesVariable({ path: join(folder, "context") }),
      DAGSTER_PIPES_MESSAGES: pipesVariable({ path, include_stdio_in_messages: false }),
    },
    path,
    told: () => (existsSync(path) ? messagesIn(readFileSync(path, "utf8")) : []),
  };
}

/** The messages among lines; a line that is none fails the test. */
export function messagesIn(text: string): ToldMessage[] {
  return text
    .split("\n")
    .slice(0, -1)
    .map((line) => JSON.parse(line) as ToldMessage);
}

/** The parameters of the messages of a method. */
export function paramsOf(messages: readonly ToldMessage[], method: string): ToldMessage["params"][] {
  return messages.filter((message) => message.method === method).map(({ params }) => params);
}
