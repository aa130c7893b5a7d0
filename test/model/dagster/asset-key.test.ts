import fc from "fast-check";
import { expect, it } from "vitest";
import { assetKeyParts, tableOfAsset } from "../../../src/model/dagster/asset-key.ts";

const escaped = (part: string) => part.replaceAll(/[\\/]/g, String.raw`\$&`);

it("a key is its parts, whatever is in them", () => {
  expect(assetKeyParts("marts")).toEqual(["marts"]);
  expect(assetKeyParts("db/main/companies")).toEqual(["db", "main", "companies"]);
  expect(assetKeyParts(String.raw`a\/b/c\\d`)).toEqual(["a/b", String.raw`c\d`]);
  const parts = fc.array(fc.string({ minLength: 1, unit: "binary" }), { minLength: 1, maxLength: 4 });
  const property = fc.property(parts, (key) => {
    expect(assetKeyParts(key.map(escaped).join("/"))).toEqual(key);
  });
  fc.assert(property);
});

it("an asset stands for the table that its key ends with", () => {
  const tables = [
    { schema: "main", name: "Companies", rows: 3 },
    { schema: "raw", name: "filings", rows: 4 },
    { schema: "main", name: "filings", rows: 5 },
    { schema: "raw", name: "twice" },
    { schema: "staging", name: "twice" },
  ];
  expect(tableOfAsset("companies", tables)?.name).toBe("Companies");
  expect(tableOfAsset("any/COMPANIES", tables)?.name).toBe("Companies");
  expect(tableOfAsset("filings", tables)?.rows).toBe(5);
  expect(tableOfAsset("Raw/filings", tables)?.rows).toBe(4);
  expect(tableOfAsset("twice", tables)).toBeUndefined();
  expect(tableOfAsset("marts", tables)).toBeUndefined();
});
