import { manifestEdits } from "./manifest-edits.ts";
import { manifestActives, manifestVersions } from "./manifest-fields.ts";
import { manifestNames, manifestRecords } from "./manifest-names.ts";
import { manifestPlaces } from "./manifest-places.ts";
import type { ManifestShape } from "./manifest-shape.ts";
import { manifestTexts } from "./manifest-texts.ts";

/** Everything that is laid in the place of a manifest. */
export const manifestShapes: readonly ManifestShape[] = [
  ...manifestTexts,
  ...manifestActives,
  ...manifestVersions,
  ...manifestEdits,
  ...manifestNames,
  ...manifestRecords,
  ...manifestPlaces,
];
