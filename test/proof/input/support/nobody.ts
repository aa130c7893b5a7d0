import { expect } from "vitest";
import { distUrl } from "../../../support/child.ts";
import { startOperation } from "../../../support/store.ts";

/** What `body` comes to in a process of another user, who may not read what only the owner may. Takes root. */
export async function asNobody(folder: string, body: string): Promise<Record<string, unknown>> {
  const child = startOperation(
    folder,
    `
    const { openReader } = await import(${JSON.stringify(distUrl("workspace/open-reader.js"))});
    const { checkRelease } = await import(${JSON.stringify(distUrl("release/check.js"))});
    const { storeStatus } = await import(${JSON.stringify(distUrl("release/status.js"))});
    process.setgid(65534);
    process.setuid(65534);
    ${body}
  `,
  );
  expect(await child.ended).toMatchObject({ code: 0 });
  const line = child.stdout().trim().split("\n").at(-1) ?? "";
  return JSON.parse(line.slice(line.indexOf(" ") + 1)) as Record<string, unknown>;
}
