// schemas/<name>.schema.json: the shapes of files and answers, for programs that are not ours.
import { checkResultSchema } from "../../dist/model/check.js";
import { configSchema } from "../../dist/model/config.js";
import { configResultSchema } from "../../dist/model/config-view.js";
import { diffResultSchema } from "../../dist/model/diff.js";
import { doctorResultSchema } from "../../dist/model/doctor/check.js";
import { storeEventSchema } from "../../dist/model/events.js";
import { findingSchema } from "../../dist/model/finding.js";
import { historyEventSchema } from "../../dist/model/history.js";
import { configTitle, jsonSchemaOf } from "../../dist/model/json-schema.js";
import { leaseSchema } from "../../dist/model/lease.js";
import { manifestSchema } from "../../dist/model/manifest.js";
import { publishPlanSchema, switchPlanSchema } from "../../dist/model/plan.js";
import { releaseMarkSchema } from "../../dist/model/release-mark.js";
import { bootstrapResultSchema } from "../../dist/model/bootstrap.js";
import { releaseRecordSchema } from "../../dist/model/release-record.js";
import { webhookStateSchema } from "../../dist/model/webhook.js";
import {
  buildResultSchema,
  buildsResultSchema,
  checksResultSchema,
  locksResultSchema,
  pathResultSchema,
  pruneResultSchema,
  publishResultSchema,
  releaseResultSchema,
  releasesResultSchema,
  storeFreshnessSchema,
  storeStatusSchema,
  switchResultSchema,
  webhookStatusSchema,
} from "../../dist/model/results.js";

/** @type {[name: string, title: string, schema: import("zod").ZodType][]} One row a schema file. */
const schemas = [
  ["config", configTitle, configSchema],
  ["config-result", "The configuration as it is carried out", configResultSchema],
  ["manifest", "db_manifest.json, as Lockkeeper writes it", manifestSchema],
  ["release-record", "releases/<release>/release.json or .lockkeeper/records/<release>.json", releaseRecordSchema],
  ["release-mark", ".lockkeeper/pins/<release>.json", releaseMarkSchema],
  ["lease", ".lockkeeper/builds/<build>/lease.json", leaseSchema],
  ["history-event", "One line of .lockkeeper/history.jsonl", historyEventSchema],
  ["check-result", "What one check found", checkResultSchema],
  ["finding", "What an audit or a validation reports", findingSchema],
  ["publish-plan", "What a publish would do", publishPlanSchema],
  ["publish-result", "What a publish came to", publishResultSchema],
  ["switch-plan", "What a rollback or an adoption would do", switchPlanSchema],
  ["switch-result", "What a rollback, an adoption or an initialization came to", switchResultSchema],
  ["checks-result", "What `check` found on a release", checksResultSchema],
  ["build-result", "A detached build that was begun or renewed", buildResultSchema],
  ["builds-result", "Builds that are no releases yet", buildsResultSchema],
  ["releases-result", "Every release of a store", releasesResultSchema],
  ["release-result", "A release's record and what became of it", releaseResultSchema],
  ["diff-result", "What differs between two releases", diffResultSchema],
  ["prune-result", "What a prune removed and kept", pruneResultSchema],
  ["path-result", "Where the active release's files lie", pathResultSchema],
  ["bootstrap-result", "What `bootstrap` made ready", bootstrapResultSchema],
  ["store-status", "One store's state", storeStatusSchema],
  ["store-freshness", "How old a store's active release is", storeFreshnessSchema],
  ["store-event", "What watchers of a store are told", storeEventSchema],
  ["webhook-state", ".lockkeeper/webhooks/<id>.json", webhookStateSchema],
  ["webhook-status", "How far a webhook has got", webhookStatusSchema],
  ["doctor-result", "What `doctor` found on this machine and in the stores", doctorResultSchema],
  ["locks-result", "Locks and pins, and who holds them", locksResultSchema],
];

/** Path and text of every schema file. */
export function schemaFiles() {
  return schemas.map(
    ([name, title, schema]) => /** @type {const} */ ([`schemas/${name}.schema.json`, renderSchema(title, schema)]),
  );
}

/**
 * @param {string} title
 * @param {import("zod").ZodType} schema
 */
function renderSchema(title, schema) {
  return `${JSON.stringify(jsonSchemaOf(title, schema), null, 2)}\n`;
}
