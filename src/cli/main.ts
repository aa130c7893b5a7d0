#!/usr/bin/env node
import { createProgram, defaultCommand, isDone, usageFault } from "./program.ts";

const program = createProgram(async (load, input, options) => {
  const { execute } = await import("./execute.ts");
  await execute(load, input, options);
});

const words = process.argv.slice(2);
try {
  const { operands, unknown } = program.parseOptions(words);
  const named = operands.length > 0 || unknown.length > 0;
  await program.parseAsync(named ? words : [...words, defaultCommand], { from: "user" });
} catch (error) {
  if (isDone(error)) {
    if (error.code === "commander.version") process.stdout.write(`${error.message}\n`);
  } else {
    await reportFault(error);
  }
}

async function reportFault(error: unknown): Promise<void> {
  const { fail } = await import("./execute.ts");
  const { LockkeeperError } = await import("../errors/lockkeeper-error.ts");
  const fault = usageFault(error);
  const ours = fault ? new LockkeeperError("USAGE", fault.message, { hint: fault.hint }) : error;
  const end = words.indexOf("--");
  await fail(ours, { json: (end < 0 ? words : words.slice(0, end)).includes("--json") });
}
