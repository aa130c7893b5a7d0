import { friendlyNameOf, type DatasetDefinition } from "../../model/dataset.ts";
import { didYouMean } from "../../model/nearest.ts";
import { publicError } from "../problem.ts";
import type { Datasets, ReleaseDatasets, ServedDataset } from "./datasets.ts";

/** A dataset of a release. Throws `DATASET_UNKNOWN`. */
export function findDataset({ datasets }: ReleaseDatasets, id: string): ServedDataset {
  const found = datasets.get(id);
  if (found) return found;
  throw unknownDataset(id, [...datasets.keys()]);
}

/** A dataset where no release can be looked into: one of the configuration, or, where that has none, whatever is asked for. Throws `DATASET_UNKNOWN`. */
export function definitionOf({ datasets }: { readonly datasets: Datasets }, store: string, id: string): DatasetDefinition {
  const definitions = datasets.definitions(store, undefined);
  const found = definitions.find((each) => each.id === id);
  if (found || definitions.length === 0) return found ?? { id, table: id };
  throw unknownDataset(
    id,
    definitions.map((each) => each.id),
  );
}

function unknownDataset(id: string, known: readonly string[]): Error {
  return publicError("DATASET_UNKNOWN", `there is no dataset ${JSON.stringify(id)}${didYouMean(id, known)}`, {
    hint: "The address ending in /datasets lists them.",
  });
}

/** A dataset as front ends list it. */
export function entryOf(definition: DatasetDefinition) {
  const { id, table, description, group, timeGrain } = definition;
  return {
    id,
    dataset_name: table,
    friendly_name: friendlyNameOf(definition),
    description: description ?? null,
    group: group ?? null,
    time_grain: timeGrain ?? null,
  };
}
