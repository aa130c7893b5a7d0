import { detachedScenarios } from "./detached-scenarios.ts";
import { releaseScenarios } from "./release-scenarios.ts";
import { slotScenarios, type Scenario } from "./scenarios.ts";

/** Every operation that changes a store, of either layout, those on detached builds among them. */
export const scenarios: readonly Scenario[] = [...slotScenarios, ...releaseScenarios, ...detachedScenarios];

/** What is tried on failing disks as well: not what only repeats the steps of others. */
export const onFailingDisks = scenarios.filter(
  ({ name }) => name !== "publish that sweeps a build whose lease expired" && !/^build commit.*layout releases/.test(name),
);
