import { openWorkspace } from "./workspace.ts";

// The program of the process that `webhooks.ts` starts after an operation, with the configuration file and a store as its arguments. It says nothing; what
// became of each event stands in the webhook's state.

const [config, store] = process.argv.slice(2);
const workspace = await openWorkspace({ config });
try {
  await workspace.webhooks({ store, deliver: true });
} finally {
  await workspace.close();
}
