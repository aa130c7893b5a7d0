-- What a personal-finance app keeps in PostgreSQL. The marts read it and never write to it.

SET client_min_messages = warning;
DROP SCHEMA IF EXISTS finance CASCADE;
CREATE SCHEMA finance;
SET search_path = finance;

-- One row: which state of the data this is. It rises with every day that is added, and each mart shows it as `loaded_version`.
CREATE TABLE load_state (
  version bigint NOT NULL,
  loaded_through date NOT NULL,
  transactions_per_day integer NOT NULL
);

CREATE TABLE app_user (
  user_id integer PRIMARY KEY,
  email text NOT NULL UNIQUE,
  display_name text NOT NULL,
  country text NOT NULL,
  joined_on date NOT NULL
);

CREATE TABLE account (
  account_id integer PRIMARY KEY,
  user_id integer NOT NULL REFERENCES app_user,
  name text NOT NULL,
  kind text NOT NULL CHECK (kind IN ('checking', 'savings', 'card')),
  opening_balance numeric(12, 2) NOT NULL
);

CREATE TABLE category (
  category_id integer PRIMARY KEY,
  name text NOT NULL UNIQUE,
  kind text NOT NULL CHECK (kind IN ('income', 'expense'))
);

CREATE TABLE merchant (
  merchant_id integer PRIMARY KEY,
  name text NOT NULL,
  -- NULL: nobody has said yet what is bought there.
  category_id integer REFERENCES category
);

CREATE TABLE transaction (
  transaction_id bigint PRIMARY KEY,
  account_id integer NOT NULL REFERENCES account,
  merchant_id integer NOT NULL REFERENCES merchant,
  category_id integer NOT NULL REFERENCES category,
  booked_on date NOT NULL,
  -- Below zero: money that was spent.
  amount numeric(12, 2) NOT NULL,
  status text NOT NULL CHECK (status IN ('booked', 'reversed', 'charged_back')),
  recorded_at timestamptz NOT NULL
);

CREATE TABLE budget (
  budget_id integer PRIMARY KEY,
  user_id integer NOT NULL REFERENCES app_user,
  category_id integer NOT NULL REFERENCES category,
  amount numeric(12, 2) NOT NULL,
  valid_from date NOT NULL
);

-- A number from 0 to 33,554,431 that looks like chance and is the same for the same number: Knuth's multiplicative hash.
CREATE FUNCTION scatter(n bigint) RETURNS bigint
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN ((n * 2654435761) % 4294967296) >> 7;

-- Books the days from `first` to `last`. What is booked on a day depends on that day alone: 400 days at once and 399 and one more are the same rows.
CREATE FUNCTION book_days(first date, last date) RETURNS void
LANGUAGE sql
SET search_path = finance
BEGIN ATOMIC
  INSERT INTO transaction
  SELECT
    id,
    1 + scatter(id) % accounts,
    merchant.merchant_id,
    coalesce(merchant.category_id, 12),
    booked_on,
    -(199 + scatter(id + 17) % (CASE WHEN merchant.category_id IN (1, 10) THEN 90000 ELSE 9000 END)) / 100.0,
    CASE WHEN scatter(id + 31) % 97 = 0 THEN 'reversed' ELSE 'booked' END,
    (booked_on + time '06:00' + nth * interval '1 second') AT TIME ZONE 'UTC'
  FROM (
    SELECT
      first + day AS booked_on,
      nth,
      ((first - date '2000-01-01') + day)::bigint * 100000 + nth AS id,
      (SELECT count(*) FROM account) AS accounts,
      (SELECT count(*) FROM merchant) AS merchants
    FROM
      generate_series(0, last - first) AS day,
      generate_series(1, (SELECT transactions_per_day FROM load_state)) AS nth
  ) AS spent
  JOIN merchant ON merchant.merchant_id = 1 + scatter(id + 7) % (merchants - 1);

  -- Each user is paid once a month, on a day of their own, into the first account.
  INSERT INTO transaction
  SELECT
    ((first - date '2000-01-01') + day)::bigint * 100000 + 50000 + user_id,
    (SELECT min(account_id) FROM account WHERE account.user_id = app_user.user_id),
    (SELECT max(merchant_id) FROM merchant),
    11,
    first + day,
    2000 + scatter(user_id) % 3000,
    'booked',
    (first + day + time '05:00') AT TIME ZONE 'UTC'
  FROM generate_series(0, last - first) AS day
  JOIN app_user ON extract(day FROM first + day) = 1 + user_id % 28;
END;
