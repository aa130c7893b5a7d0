import { expect, test } from "vitest";
import { openResidentProbe } from "../../../soak/lib/resident.mjs";

test("memory that is held counts as needed; what was let go does not, whoever keeps its pages", async () => {
  const resident = await openResidentProbe();
  const held = { bytes: Buffer.alloc(0) };
  const before = await resident();
  held.bytes = Buffer.alloc(64e6, 1);
  const during = await resident();
  held.bytes = Buffer.alloc(0);
  const after = await resident();
  expect(during - before).toBeGreaterThan(60e6);
  expect(during - after).toBeGreaterThan(60e6);
});
