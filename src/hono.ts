export { lendRelease, lockkeeperRoutes, type LentVariables } from "./server/mount.ts";
