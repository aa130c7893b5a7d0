// schemas/<name>.schema.json: the shapes of files and answers, for programs that are not ours.
import { z } from "zod";
import { checkResultSchema } from "../../dist/model/check.js";
import { configSchema } from "../../dist/model/config.js";
import { findingSchema } from "../../dist/model/finding.js";
import { historyEventSchema } from "../../dist/model/history.js";
import { manifestSchema } from "../../dist/model/manifest.js";
import { publishPlanSchema, switchPlanSchema } from "../../dist/model/plan.js";
import { releaseRecordSchema } from "../../dist/model/release-record.js";
import {
  checksResultSchema,
  pathResultSchema,
  publishResultSchema,
  storeStatusSchema,
  switchResultSchema,
} from "../../dist/model/results.js";

/** @type {[name: string, title: string, schema: z.ZodType][]} One row a schema file. */
const schemas = [
  ["config", "lockkeeper.toml, as JSON", configSchema],
  ["manifest", "db_manifest.json, as Lockkeeper writes it", manifestSchema],
  ["release-record", ".lockkeeper/records/<release>.json", releaseRecordSchema],
  ["history-event", "One line of .lockkeeper/history.jsonl", historyEventSchema],
  ["check-result", "What one check found", checkResultSchema],
  ["finding", "What an audit or a validation reports", findingSchema],
  ["publish-plan", "What a publish would do", publishPlanSchema],
  ["publish-result", "What a publish came to", publishResultSchema],
  ["switch-plan", "What a rollback or an adoption would do", switchPlanSchema],
  ["switch-result", "What a rollback, an adoption or an initialization came to", switchResultSchema],
  ["checks-result", "What `check` found on a release", checksResultSchema],
  ["path-result", "Where the active release's files lie", pathResultSchema],
  ["store-status", "One store's state", storeStatusSchema],
];

/** Path and text of every schema file. */
export function schemaFiles() {
  return schemas.map(
    ([name, title, schema]) => /** @type {const} */ ([`schemas/${name}.schema.json`, renderSchema(title, schema)]),
  );
}

/**
 * What a file or an answer must have at least. More fields are allowed, except in the configuration, where an unknown key is
 * an error.
 *
 * @param {string} title
 * @param {z.ZodType} schema
 */
function renderSchema(title, schema) {
  const { $schema, ...rest } = z.toJSONSchema(schema, { io: "input" });
  return `${JSON.stringify({ $schema, title, ...rest }, null, 2)}\n`;
}
