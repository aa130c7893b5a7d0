import { createHash } from "node:crypto";
import { pageTokenSchema } from "../../model/http.ts";
import { publicError } from "../problem.ts";
import type { ServedRelease } from "../answer.ts";

/** Where a page begins, and in which release. */
export interface PagePlace {
  readonly release: string;
  readonly uid: string;
  readonly offset: number;
}

/** The token of the page that begins after `offset` rows. It is no secret and no promise: whoever changes it gets another page of what he may read anyway. */
export function pageToken({ release, uid }: Pick<ServedRelease, "release" | "uid">, asked: string, offset: number): string {
  return Buffer.from(JSON.stringify({ r: release, u: uid, q: digestOf(asked), o: offset })).toString("base64url");
}

/** Reads a token. `asked` is everything else that the request says: a page continues that alone. Throws `REQUEST_INVALID`. */
export function readPageToken(token: string, asked: string): PagePlace {
  const parsed = pageTokenSchema.safeParse(jsonOf(Buffer.from(token, "base64url").toString("utf8")));
  if (!parsed.success) {
    throw publicError("REQUEST_INVALID", "page is no token of a page", { hint: "Send `next` of the page before, as it came." });
  }
  const { r, u, q, o } = parsed.data;
  if (q !== digestOf(asked)) {
    throw publicError("REQUEST_INVALID", "page belongs to another request", {
      hint: "Send the same table, select, sort and filters as for the page before; limit and shape may change.",
    });
  }
  return { release: r, uid: u, offset: o };
}

function digestOf(asked: string): string {
  return createHash("sha256").update(asked).digest("base64url").slice(0, 16);
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}
