-- What the ETL makes of the filings; etl.mjs and etl.py both run this file. Variables: `filings`, the folder that holds them, and
-- `as_of`, the day, or `week`, 1 to 13: filings of the last quarter come in for 45 days, told here in the weeks of a quarter.

SET VARIABLE last_quarter = (SELECT max(parse_filename(file, true)) FROM glob(getvariable('filings') || '/filings/*.parquet'));
SET VARIABLE as_of = coalesce(
  getvariable('as_of')::DATE,
  last_day(make_date(getvariable('last_quarter')[:4]::INTEGER, getvariable('last_quarter')[-1]::INTEGER * 3, 1))
    + ceil(45 * getvariable('week')::INTEGER / 13)::INTEGER);

-- Sorted by investor, so that a query for one investor reads little of the table.
CREATE TABLE holdings AS
SELECT cik, quarter, asset_id, filed, shares, value
FROM read_parquet(getvariable('filings') || '/filings/*.parquet')
WHERE filed <= getvariable('as_of')
ORDER BY cik, quarter, asset_id;

CREATE TEMP TABLE reports AS
SELECT
  cik, quarter, any_value(filed) AS filed, count(*)::INTEGER AS positions, sum(value)::BIGINT AS value,
  lag(quarter) OVER (PARTITION BY cik ORDER BY quarter) AS quarter_before,
  lead(quarter) OVER (PARTITION BY cik ORDER BY quarter) AS quarter_after
FROM holdings GROUP BY cik, quarter;

-- Every investor who has filed, with the newest report.
CREATE TABLE investors AS
SELECT cik, name, quarter, filed, positions, value
FROM read_parquet(getvariable('filings') || '/investors.parquet') JOIN reports USING (cik)
WHERE quarter_after IS NULL
ORDER BY cik;

CREATE TABLE assets AS
SELECT asset_id, symbol, name FROM read_parquet(getvariable('filings') || '/assets.parquet') ORDER BY asset_id;

-- A position is opened in a quarter when its investor's report of the quarter before lacks it, and closed in the quarter whose report
-- lacks it. An investor who has not reported yet has closed nothing.
CREATE TABLE asset_activity AS
WITH positions AS (
  SELECT
    asset_id, quarter, shares, holdings.value, quarter_before, quarter_after,
    lag(quarter) OVER position AS held_before, lead(quarter) OVER position AS held_after
  FROM holdings JOIN reports USING (cik, quarter)
  WINDOW position AS (PARTITION BY cik, asset_id ORDER BY quarter)
),
moves AS (
  SELECT asset_id, quarter, 1 AS holder, (quarter_before IS DISTINCT FROM held_before)::INTEGER AS opened, 0 AS closed, shares, value
  FROM positions
  UNION ALL
  SELECT asset_id, quarter_after, 0, 0, 1, 0, 0 FROM positions
  WHERE quarter_after IS DISTINCT FROM held_after
)
SELECT
  asset_id, quarter, sum(holder)::INTEGER AS holders, sum(opened)::INTEGER AS opened, sum(closed)::INTEGER AS closed,
  sum(shares)::BIGINT AS shares, sum(value)::BIGINT AS value
FROM moves GROUP BY asset_id, quarter ORDER BY asset_id, quarter;

CREATE TABLE etl_run AS
SELECT getvariable('as_of')::DATE AS as_of, max(quarter) AS quarter, count(*) AS rows FROM holdings;
