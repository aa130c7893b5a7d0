import { formats, type Format } from "../model/http.ts";
import { publicError } from "./problem.ts";

/** The media type of each format; its first one is what answers carry. */
export const mediaTypes: Readonly<Record<Format, readonly [string, ...string[]]>> = {
  json: ["application/json"],
  ndjson: ["application/x-ndjson", "application/ndjson", "application/jsonl"],
  csv: ["text/csv"],
  parquet: ["application/vnd.apache.parquet"],
};

/** The format of an answer: what `format` says, else what `Accept` likes best, else JSON. Throws `FORMAT_REFUSED` where nothing fits. */
export function negotiate(asked: Format | undefined, accept: string | undefined): Format {
  if (asked !== undefined) return asked;
  if (accept === undefined || accept.trim() === "" || accept.trim() === "*/*") return "json";
  const ranges = accept.split(",").map(readRange);
  let best: { readonly format: Format; readonly quality: number } | undefined;
  for (const format of formats) {
    const quality = Math.max(...mediaTypes[format].map((type) => qualityOf(type, ranges)));
    if (quality > (best?.quality ?? 0)) best = { format, quality };
  }
  if (best !== undefined) return best.format;
  throw publicError("FORMAT_REFUSED", `none of the formats is accepted by ${JSON.stringify(accept.slice(0, 200))}`, {
    hint: `Accept ${formats.map((format) => mediaTypes[format][0]).join(", ")}, or say format=${formats.join("|")}.`,
  });
}

interface MediaRange {
  readonly type: string;
  readonly quality: number;
}

function readRange(text: string): MediaRange {
  const [type = "", ...parameters] = text.split(";").map((part) => part.trim().toLowerCase());
  const given = parameters.find((parameter) => parameter.startsWith("q="))?.slice(2);
  const quality = given === undefined ? 1 : Number(given);
  return { type, quality: quality >= 0 && quality <= 1 ? quality : 0 };
}

/** The most exact range counts: `text/csv` before `text/*` before any. */
function qualityOf(type: string, ranges: readonly MediaRange[]): number {
  const family = `${type.split("/")[0]}/*`;
  for (const wanted of [type, family, "*/*"]) {
    const range = ranges.find((each) => each.type === wanted);
    if (range !== undefined) return range.quality;
  }
  return 0;
}
