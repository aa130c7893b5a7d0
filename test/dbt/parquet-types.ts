/** What becomes of a type on its way through a Parquet file, as a row of docs/dbt-migration.md says it. */
export interface TypeChange {
  /** Values of the type, of each name in the row one. */
  readonly values: readonly string[];
  /** The type that comes back, of each of `values`. */
  readonly becomes: readonly string[];
  /** Whether the value's text comes back, too. */
  readonly keeps: boolean;
  /** What the row says to cast to, of `v`; each comes back as it was. */
  readonly casts: readonly string[];
  /** The row. */
  readonly type: string;
  readonly comes: string;
  readonly so: string;
}

/** Every type that comes back as another one, or as less, in the order of docs/dbt-migration.md. */
export const typeChanges: readonly TypeChange[] = [
  {
    values: ["9007199254740993::HUGEINT", "9007199254740993::UHUGEINT", "(SELECT sum(range) FROM range(3))"],
    becomes: ["DOUBLE", "DOUBLE", "DOUBLE"],
    keeps: false,
    casts: ["v::bigint", "v::decimal(38, 0)"],
    type: "HUGEINT, UHUGEINT: any sum of whole numbers",
    comes: "DOUBLE, rounded above 2^53",
    so: "`sum(n)::bigint`; where that is too small, `::decimal(38, 0)`",
  },
  {
    values: ["9007199254740993::BIGNUM"],
    becomes: ["VARCHAR"],
    keeps: true,
    casts: ["v::varchar::decimal(38, 0)"],
    type: "BIGNUM",
    comes: "VARCHAR: a text in the answers",
    so: "`::varchar::decimal(38, 0)`",
  },
  {
    values: ["TIMETZ '01:02:03+02'"],
    becomes: ["TIME WITH TIME ZONE"],
    keeps: false,
    casts: ["v::varchar"],
    type: "TIME WITH TIME ZONE",
    comes: "the same type, in UTC: another text",
    so: "`::varchar`",
  },
  {
    values: ["INTERVAL '1.000001 seconds'"],
    becomes: ["INTERVAL"],
    keeps: false,
    casts: ["epoch_us(v)"],
    type: "INTERVAL",
    comes: "the same type, cut to milliseconds",
    so: "`epoch_us(…)` for microseconds",
  },
  {
    values: ["union_value(n := 1)"],
    becomes: ["STRUCT(UTINYINT, INTEGER)"],
    keeps: false,
    casts: ["v::varchar"],
    type: "UNION",
    comes: "STRUCT",
    so: "`::varchar`, or columns of their own",
  },
  {
    values: ["'b'::ENUM ('b', 'a')"],
    becomes: ["VARCHAR"],
    keeps: true,
    casts: ["v::varchar"],
    type: "ENUM",
    comes: "VARCHAR: the same text, but sorted by the alphabet and no longer by position",
    so: "`::varchar`",
  },
  {
    values: ["TIMESTAMP_S '2026-01-01 01:02:03'", "TIMESTAMP_MS '2026-01-01 01:02:03.004'"],
    becomes: ["TIMESTAMP", "TIMESTAMP"],
    keeps: true,
    casts: ["v::timestamp"],
    type: "TIMESTAMP_S, TIMESTAMP_MS",
    comes: "TIMESTAMP: the same values",
    so: "`::timestamp`",
  },
  {
    values: ["'0101'::BIT"],
    becomes: ["VARCHAR"],
    keeps: true,
    casts: ["v::varchar"],
    type: "BIT",
    comes: "VARCHAR: the same text",
    so: "`::varchar`",
  },
  {
    values: ["[1, 2]::INTEGER[2]"],
    becomes: ["INTEGER[]"],
    keeps: true,
    casts: ["v::integer[]"],
    type: "INTEGER[2]: arrays",
    comes: "INTEGER[]: the same values",
    so: "`::integer[]`",
  },
];

/** Values of the types that come back as they were. */
export const unchanged: readonly string[] = [
  "true",
  "1::TINYINT",
  "1::UTINYINT",
  "1::SMALLINT",
  "1::INTEGER",
  "9007199254740993::BIGINT",
  "18446744073709551615::UBIGINT",
  "1.10::DECIMAL(4, 2)",
  "12345678901234567890123456789012345.678::DECIMAL(38, 3)",
  "1.5::FLOAT",
  "'nan'::DOUBLE",
  "-0.0::DOUBLE",
  "DATE '0044-03-15 (BC)'",
  "'infinity'::DATE",
  "TIME '24:00:00'",
  "TIME_NS '01:02:03.123456789'",
  "TIMESTAMP '2026-01-01 01:02:03.000004'",
  "'infinity'::TIMESTAMP",
  "TIMESTAMP_NS '2026-01-01 01:02:03.000000004'",
  "TIMESTAMPTZ '2026-01-01 01:02:03.000004+02'",
  "''",
  "'Größe'",
  "NULL::VARCHAR",
  "UUID '6f9619ff-8b86-d011-b42d-00c04fc964ff'",
  String.raw`'\x00\xff'::BLOB`,
  `'{"a": 1}'::JSON`,
  "[1, NULL]",
  "{a: 1, b: 'x'}",
  "MAP {'k': 1}",
];
