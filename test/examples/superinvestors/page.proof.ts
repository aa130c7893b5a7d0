import { existsSync } from "node:fs";
import { chromium, type Page } from "playwright-core";
import { expect, onTestFinished, test } from "vitest";
import { computeTruth } from "../../../examples/superinvestors/demo/truth.mjs";
import { binPath, startProgram } from "../../support/child.ts";
import { ended, exampleWorkspace, startApp } from "./support.ts";

const browserPath = "/usr/bin/chromium";

/** What the page shows at one moment, as it was read out of the page itself. */
interface Shown {
  readonly release: string;
  readonly tables: Record<string, string[][]>;
}

/** Notes in the page what it shows each time that it shows another release: `window.seen`. */
const observer = `
  window.seen = [];
  const read = () => ({
    release: document.querySelector("#release").textContent,
    tables: Object.fromEntries([...document.querySelectorAll("table")].map((table) => [
      table.caption.textContent,
      [...table.tBodies[0].rows].map((row) => [...row.cells].map((cell) => cell.textContent)),
    ])),
  });
  new MutationObserver(() => window.seen.push(read())).observe(document.querySelector("#release"), { childList: true });
  window.marker = "not reloaded";
`;

async function openPage(url: string): Promise<{ readonly page: Page; readonly problems: string[] }> {
  const browser = await chromium.launch({
    executablePath: browserPath,
    args: [
      "--no-sandbox",
      "--disable-gpu",
      "--disable-quic",
      "--no-first-run",
      "--disable-background-networking",
      "--disable-sync",
    ],
  });
  onTestFinished(() => browser.close());
  const page = await browser.newPage();
  const problems: string[] = [];
  page.on("pageerror", (error) => problems.push(error.message));
  page.on("request", (request) => {
    if (!request.url().startsWith(url) && !request.url().startsWith("data:")) problems.push(`the page asked ${request.url()}`);
  });
  await page.goto(url);
  return { page, problems };
}

/** Numbers as the page writes them. */
const whole = new Intl.NumberFormat("en-US");
const dollars = new Intl.NumberFormat("en-US", {
  notation: "compact",
  minimumFractionDigits: 1,
  maximumFractionDigits: 1,
  style: "currency",
  currency: "USD",
});

/** Rows of an answer: the page shows these fields of each, as text, as a whole number or as dollars. */
function rowsOf(rows: unknown, fields: readonly string[]): string[][] {
  return (rows as Record<string, string | number>[]).map((row) =>
    fields.map((field) => {
      const value = row[field];
      if (typeof value !== "number") return String(value);
      return field === "value" ? dollars.format(value) : whole.format(value);
    }),
  );
}

/** What the page must show of the truth of a week. */
function expectedOf(
  answers: Record<string, Record<string, unknown>>,
  { cik, assetId }: { readonly cik: number; readonly assetId: number },
) {
  const list = answers["/api/investors?search=CAPITAL&page=1"];
  const holdings = answers[`/api/investors/${cik}/holdings?quarter=2023-Q1`];
  const activity = answers[`/api/assets/${assetId}/activity`];
  return {
    [`${Number(list?.["total"])} found, by value`]: rowsOf(list?.["investors"], ["name", "quarter", "positions", "value"]),
    Reports: rowsOf(holdings?.["quarters"], ["quarter", "filed", "positions", "value"]).toReversed(),
    "Largest holdings in 2023-Q1": rowsOf(holdings?.["holdings"], ["symbol", "name", "shares", "value"]),
    Activity: rowsOf(activity?.["quarters"], ["quarter", "holders", "opened", "closed", "shares", "value"]).toReversed(),
    "Largest holders, as last reported": rowsOf(activity?.["holders"], ["name", "shares", "value"]),
  };
}

test.skipIf(!existsSync(browserPath))(
  "the page shows each switch by its stream of events without a reload, keeps what was chosen, and shows numbers of the release it names",
  async () => {
    const { folder, env, last, sources, publish } = await exampleWorkspace();
    await publish(1);
    const { url } = await startApp(folder, { ...env, STORE: "by_publish" });
    const { page, problems } = await openPage(url);
    // The stream alone may bring news: the look that a page takes now and then is not answered.
    await page.route("**/api/db-status", (route) => route.abort());
    const released = (text: string) => expect.poll(() => page.textContent("#release"), { timeout: 60_000 }).toContain(text);
    await released("version 1 (r000001)");

    // In another order, each of which asks for another set of parts.
    const investor = page.locator("#investors tbody button").nth(1);
    const cik = Number((await investor.getAttribute("data-key"))?.replace("investor ", ""));
    await investor.click();
    await page.locator('[data-key="quarter 2023-Q1"]').click();
    await page.locator("#investor caption", { hasText: "Largest holdings in 2023-Q1" }).waitFor();
    const asset = page.locator('#investor button[data-key^="asset "]').first();
    const assetId = Number((await asset.getAttribute("data-key"))?.replace("asset ", ""));
    await asset.click();
    await page.locator("#asset table").first().waitFor();
    await page.fill("#search", "CAPITAL");
    await expect.poll(() => page.textContent("#investors caption")).not.toContain("60 found");
    await page.evaluate(observer);
    await page.locator('[data-key="quarter 2023-Q1"]').focus();

    await publish(5);
    await released("version 2 (r000002)");
    await publish(8);
    await released("version 3 (r000003)");
    await ended(
      startProgram([process.execPath, binPath, "rollback", "by_publish", "--reason", "looks wrong"], { cwd: folder, env }),
    );
    await released("version 4 (r000002)");

    const { truth, rows } = await computeTruth(sources.filings, {
      weeks: 13,
      lastQuarter: last,
      ciks: [cik],
      assetIds: [assetId],
    });
    const seen = await page.evaluate<Shown[]>("window.seen");
    const weeks: Record<string, number> = { "version 2 (r000002)": 5, "version 3 (r000003)": 8, "version 4 (r000002)": 5 };
    expect(seen.map(({ release }) => release.replace(/^.*(?=version)/, ""))).toEqual(Object.keys(weeks));
    for (const { release, tables } of seen) {
      const week = weeks[release.replace(/^.*(?=version)/, "")] ?? 0;
      expect(release).toContain(
        `${whole.format(rows[week] ?? 0)} holdings, data to ${String(truth[week]?.["/api/data-freshness"]?.["lastDataLoadDate"])}`,
      );
      expect({ week, tables }).toEqual({ week, tables: expectedOf(truth[week] ?? {}, { cik, assetId }) });
    }
    expect(seen[0]?.tables).not.toEqual(seen[1]?.tables);

    expect(await page.evaluate("window.marker")).toBe("not reloaded");
    expect(await page.inputValue("#search")).toBe("CAPITAL");
    expect(await page.evaluate("document.activeElement.dataset.key")).toBe("quarter 2023-Q1");
    expect(await page.textContent('#investor tr[aria-current="true"] th')).toBe("2023-Q1");
    expect(await page.textContent("#age")).toMatch(/^· published \d+ (?:s|min) ago$/);
    expect(await page.textContent("#problem")).toBe("");
    expect(problems).toEqual([]);
  },
);

test.skipIf(!existsSync(browserPath))("without a stream of events the page looks by itself", async () => {
  const { folder, env, publish } = await exampleWorkspace();
  await publish(1);
  const { url } = await startApp(folder, { ...env, TR_05_DB: `${folder}/data/by_publish` });
  const { page, problems } = await openPage(url);
  const released = (text: string) => expect.poll(() => page.textContent("#release"), { timeout: 60_000 }).toContain(text);
  await released("version 1 (r000001)");
  await publish(2);
  await released("version 2 (r000002)");
  expect(problems).toEqual([]);
});

test.runIf(!existsSync(browserPath))("is not tried: there is no Chromium", () => {
  process.stdout.write(`skipped: ${browserPath} is not installed\n`);
});
