import type { Variant } from "./variant.ts";

const deliver = "test/release/webhooks/deliver.test.ts";

/** What webhooks are told. */
export const telling: readonly Variant[] = [
  {
    name: "a webhook state written before its event is accepted",
    edits: [
      {
        file: "release/webhooks/deliver.ts",
        find: "      if (!(await this.#deliver(event))) return false;\n",
        replace:
          "      await this.#keep({ ...this.#state, after: passed });\n      if (!(await this.#deliver(event))) return false;\n",
      },
    ],
    caughtBy: { file: "test/proof/faults/deliveries.proof.ts", title: "a deliverer killed at every failpoint" },
    says: /AssertionError: killed at webhook\.(renamed|done)/,
  },
  {
    name: "a webhook state that is not fsynced",
    edits: [
      {
        file: "release/webhooks/outbox.ts",
        find: '  await replaceFile(store.platform, { path: pathOf(store, webhook), bytes, failpoint: "webhook" });',
        replace: `  void replaceFile;
  const temporary = join(store.paths.webhooks, "state");
  const file = await store.platform.files.open(temporary, "create");
  await file.write(bytes, 0);
  await file.close();
  await store.platform.files.rename(temporary, pathOf(store, webhook));`,
      },
    ],
    caughtBy: { file: deliver, title: "an event is sent when its line" },
    says: /AssertionError/,
  },
  {
    name: "an event that is taken for accepted whatever the receiver answers",
    edits: [
      {
        file: "release/webhooks/deliver.ts",
        find: "      if (status >= 200 && status <= 299) {",
        replace: "      if (status >= 200) {",
      },
    ],
    caughtBy: { file: deliver, title: "500, then 200" },
    says: /AssertionError/,
  },
  {
    name: "a deliverer that does not look at the history again once its lock is free",
    edits: [
      {
        file: "release/webhooks/deliver.ts",
        find: "      due = await filtered([...through], async (webhook) => (await pendingEvents(store, webhook)).length > 0);\n",
        replace: "      due = [];\n      void [filtered, through];\n",
      },
    ],
    caughtBy: { file: deliver, title: "one process at a time; what came meanwhile" },
    says: /AssertionError/,
  },
  {
    name: "two deliverers at a time",
    edits: [
      {
        file: "release/webhooks/deliver.ts",
        find: "    path: store.paths.webhooksLock,",
        replace: "    path: `${store.paths.webhooksLock}.${store.platform.random(4)}`,",
      },
    ],
    caughtBy: { file: deliver, title: "one process at a time; what came meanwhile" },
    says: /two deliverers|AssertionError/,
  },
];
