import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, onTestFinished } from "vitest";

/** Takes what is to be done when a test, or a file of tests, is through. */
export type WhenDone = (action: () => void | Promise<void>) => void;

/** A folder of the running test's own, removed when it has finished, or when `whenDone` says. */
export function temporaryFolder(whenDone: WhenDone = onTestFinished): string {
  const folder = mkdtempSync(join(tmpdir(), "lockkeeper-test-"));
  whenDone(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/**
 * Takes what is to be done when the tests of a file, or of a `describe`, are through, last first. Call it where these are declared, and what it returns in `beforeAll`: an `afterAll` that is called
 * in a hook is never run.
 */
export function whenThrough(): WhenDone {
  const actions: (() => void | Promise<void>)[] = [];
  afterAll(async () => {
    for (const action of actions.toReversed()) await action();
  });
  return (action) => void actions.push(action);
}
