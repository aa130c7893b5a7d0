-- Fills the tables: the same rows for the same variables. About `days` × `per_day` transactions.
--
--   psql -f schema.sql -f seed.sql                              400 days × 50 until 2026-10-31
--   psql -v days=30 -v through=2026-11-27 -f schema.sql -f seed.sql

\if :{?users} \else \set users 40 \endif
\if :{?days} \else \set days 400 \endif
\if :{?per_day} \else \set per_day 50 \endif
\if :{?through} \else \set through 2026-10-31 \endif

SET search_path = finance;
BEGIN;

INSERT INTO load_state VALUES (1, :'through', :per_day);

INSERT INTO category
SELECT nth, name, CASE WHEN name = 'salary' THEN 'income' ELSE 'expense' END
FROM unnest(ARRAY['rent', 'groceries', 'restaurants', 'transport', 'utilities', 'health', 'leisure', 'clothing', 'education', 'travel', 'salary', 'other'])
  WITH ORDINALITY AS word (name, nth);

-- Every 20th has no category yet. The last one pays the salaries.
INSERT INTO merchant
SELECT nth, 'Merchant ' || lpad(nth::text, 3, '0'), CASE WHEN nth % 20 = 0 THEN NULL ELSE 1 + nth % 10 END
FROM generate_series(1, 119) AS nth
UNION ALL SELECT 120, 'Employer', 11;

INSERT INTO app_user
SELECT
  nth,
  'user' || nth || '@example.org',
  'User ' || nth,
  (ARRAY['AT', 'DE', 'FR', 'NL', 'PT'])[1 + nth % 5],
  date :'through' - (:days + nth)
FROM generate_series(1, :users) AS nth;

INSERT INTO account
SELECT
  (user_id - 1) * 3 + nth,
  user_id,
  initcap(kind),
  kind,
  CASE kind WHEN 'card' THEN 0 ELSE 500 + scatter(user_id * 3 + nth) % 5000 END
FROM app_user, unnest(ARRAY['checking', 'savings', 'card']) WITH ORDINALITY AS word (kind, nth);

INSERT INTO budget
SELECT (user_id - 1) * 5 + nth, user_id, nth, 100 + scatter(user_id * 5 + nth) % 900, joined_on
FROM app_user, generate_series(1, 5) AS nth;

SELECT book_days(date :'through' - (:days - 1), :'through') \g /dev/null

COMMIT;
ANALYZE;
