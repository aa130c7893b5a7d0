import type { DuckDBConnection } from "@duckdb/node-api";
import { firstLine } from "../../errors/lockkeeper-error.ts";
import type { Platform } from "../../platform/port.ts";
import type { ViewDefinition } from "./catalogue.ts";
import { engineError } from "./errors.ts";
import { attach, createInstance } from "./instance.ts";
import { lease } from "./registry.ts";
import { quoteIdentifier } from "./sql-text.ts";

/** A view that binds, but not under another name of the file, or not without files outside it. */
export interface UnportableView extends ViewDefinition {
  readonly needs: "catalogue" | "files";
  /** The engine's first line. */
  readonly error: string;
}

/** A name that no view was made under. */
const elsewhere = "lockkeeper_elsewhere";

/**
 * Which of `views` need more than the file itself: they are bound once more with the file attached under a name of its own (FACTS 2.7) and without access to other
 * files (FACTS 2.14). Costs one instance. Throws what opening throws.
 */
export async function unportableViews(
  platform: Platform,
  path: string,
  views: readonly ViewDefinition[],
): Promise<UnportableView[]> {
  if (views.length === 0) return [];
  const held = await lease(platform, {
    path,
    shareKey: JSON.stringify(["portable", elsewhere]),
    make: async () => attach(await createInstance({}), { path, names: [elsewhere], access: "READ_ONLY" }),
  });
  try {
    const connection = await held.instance.connect();
    try {
      // Only now: an instance without access to files could not attach one.
      await connection.run("SET enable_external_access = false");
      await connection.run(`USE ${quoteIdentifier(elsewhere)}.main`);
      return await bindEach(connection, views);
    } finally {
      connection.closeSync();
    }
  } catch (error) {
    throw engineError(error, { path, opening: true });
  } finally {
    // Nobody else may share an instance that cannot reach a file.
    held.retire();
    held.release();
  }
}

async function bindEach(connection: DuckDBConnection, views: readonly ViewDefinition[]): Promise<UnportableView[]> {
  const found: UnportableView[] = [];
  for (const view of views) {
    const source = [elsewhere, view.schema, view.name].map(quoteIdentifier).join(".");
    try {
      const statement = await connection.prepare(`SELECT * FROM ${source}`);
      statement.destroySync();
    } catch (error) {
      const line = firstLine(error);
      found.push({
        ...view,
        needs: /^Permission Error|file system operations are disabled/.test(line) ? "files" : "catalogue",
        error: line,
      });
    }
  }
  return found;
}
