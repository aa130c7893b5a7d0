/** One way of telling dbt-duckdb where the file of an external model goes, and what comes of it. */
export interface Naming {
  /** Its model, without `.sql`: the folder is the one that dbt_project.yml may say something of. */
  readonly model: string;
  /** In dbt_project.yml, of the model's folder. */
  readonly project?: string;
  /** In a schema file, of the model. */
  readonly properties?: string;
  /** In the model itself. */
  readonly config?: string;
  /** What it selects from: a table with the column `who`. */
  readonly from?: string;
  /** The file below PARQUET_DIR; or what dbt says, with exit 1 for one model, or, where it breaks the project, with exit 2. */
  readonly file?: string;
  readonly error?: string;
  readonly breaks?: true;
  /** The row of docs/dbt.md: what is written, as there, and what comes of it. */
  readonly written: string;
  readonly comes: string;
}

const raw = (folder: string, name = "identifier") =>
  `{% raw %}{{ env_var('PARQUET_DIR') }}/${folder}/{{ this.${name} }}.parquet{% endraw %}`;
const outside = (folder: string, name: string) => `{{ env_var('PARQUET_DIR') }}/${folder}/${name}.parquet`;

/** Every way that people try, in the order of docs/dbt.md. */
export const namings: readonly Naming[] = [
  {
    model: "root/plain",
    file: "plain.parquet",
    written: "`external_root` in `profiles.yml`, nothing else",
    comes: "`<root>/<model>.parquet`: what we recommend",
  },
  {
    model: "root/aliased",
    config: "alias='renamed'",
    file: "renamed.parquet",
    written: "the same, and the model has an `alias`",
    comes: "`<root>/<alias>.parquet`",
  },
  {
    model: "root/parted",
    config: "options={'partition_by': 'k'}",
    file: "parted/k=1/data_0.parquet",
    written: "the same, and `options: {partition_by: k}`",
    comes: "`<root>/<model>/k=1/data_0.parquet`; the folders are made",
  },
  {
    model: "raw/in_project",
    project: `+location: "${raw("raw")}"`,
    file: "raw/in_project.parquet",
    written: "`+location` in `dbt_project.yml`, quoted with `{% raw %}…{{ this.identifier }}.parquet{% endraw %}`",
    comes: "`…/<model>.parquet`: works for a whole folder of models; the folder must be there",
  },
  {
    model: "raw/in_project_aliased",
    project: `+location: "${raw("raw")}"`,
    config: "alias='raw_renamed'",
    file: "raw/raw_renamed.parquet",
    written: "the same, and the model has an `alias`",
    comes: "`…/<alias>.parquet`",
  },
  {
    model: "raw_name/in_project_by_name",
    project: `+location: "${raw("raw_name", "name")}"`,
    config: "alias='raw_name_renamed'",
    file: "raw_name/raw_name_renamed.parquet",
    written: "the same with `this.name`",
    comes: "`…/<alias>.parquet`, too",
  },
  {
    model: "schema/in_schema_file",
    properties: `location: "${raw("schema")}"`,
    file: "schema/in_schema_file.parquet",
    written: "`config: {location: …}` in a schema file, quoted with `{% raw %}` in the same way",
    comes: "`…/<model>.parquet`",
  },
  {
    model: "inside/in_model",
    config: "location=env_var('PARQUET_DIR') ~ '/inside/' ~ this.name ~ '.parquet'",
    file: "inside/in_model.parquet",
    written: "`config(location=env_var('PARQUET_DIR') ~ '/' ~ this.name ~ '.parquet')` in the model",
    comes: "`…/<model>.parquet`",
  },
  {
    model: "inside/in_model_by_model",
    config: "location=env_var('PARQUET_DIR') ~ '/inside/' ~ model.name ~ '.parquet'",
    file: "inside/in_model_by_model.parquet",
    written: "the same with `model.name`",
    comes: "`…/<model>.parquet`",
  },
  {
    model: "inside/in_model_aliased",
    config: "alias='inside_renamed', location=env_var('PARQUET_DIR') ~ '/inside/' ~ this.identifier ~ '.parquet'",
    file: "inside/in_model_aliased.parquet",
    written: "the same with `this.name` or `this.identifier`, and the model has an `alias`",
    comes: "`…/<model>.parquet`: **not the alias**, which is not known yet when this is read",
  },
  {
    model: "inside/in_model_quoted",
    config: `location="{{ env_var('PARQUET_DIR') }}/inside/{{ this.identifier }}.parquet"`,
    file: "inside/in_model_quoted.parquet",
    written: "`config(location=\"{{ env_var('PARQUET_DIR') }}/{{ this.identifier }}.parquet\")` in the model: Jinja in a text",
    comes: "`…/<model>.parquet`: the text is read when the model is built",
  },
  {
    model: "inside/in_model_quoted_aliased",
    config: `alias='quoted_renamed', location="{{ env_var('PARQUET_DIR') }}/inside/{{ this.identifier }}.parquet"`,
    file: "inside/quoted_renamed.parquet",
    written: "the same, and the model has an `alias`",
    comes: "`…/<alias>.parquet`",
  },
  {
    model: "root/from_source",
    from: "{{ source('files', 'words') }}",
    file: "from_source.parquet",
    written: "`config: {meta: {external_location: …/{name}.parquet}}` of a *source*",
    comes: "the table is read from `…/<table>.parquet`: the one place where `{name}` is filled in",
  },
  {
    model: "ignored/external",
    project: `+external_location: "${outside("ignored", "{name}")}"`,
    file: "external.parquet",
    written: "`+external_location: …/{name}.parquet` in `dbt_project.yml`",
    comes: "**ignored in silence**: the file goes to `<root>/<model>.parquet`",
  },
  {
    model: "literal/first",
    project: `+location: "${outside("literal", "{name}")}"`,
    file: "literal/{name}.parquet",
    written: "`+location: …/{name}.parquet` in `dbt_project.yml`",
    comes: "**one file for all models, called `{name}.parquet`**; each overwrites the one before, exit 0",
  },
  {
    model: "literal/second",
    project: `+location: "${outside("literal", "{name}")}"`,
    file: "literal/{name}.parquet",
    written: "the same, a second model",
    comes: "the view of the first shows the rows of the second",
  },
  {
    model: "missing/unmade",
    project: `+location: "${raw("missing")}"`,
    error: "No such file or directory",
    written: "a `location` in a folder that is not there",
    comes: "the model fails, exit 1 (`Cannot open file … No such file or directory`): dbt makes no folder",
  },
  {
    model: "broken/by_this",
    project: `+location: "${outside("broken", "{{ this.name }}")}"`,
    error: "'this' is undefined",
    breaks: true,
    written: "`+location: …/{{ this.name }}.parquet` in `dbt_project.yml`, without `{% raw %}`",
    comes: "nothing is built, exit 2: `'this' is undefined`",
  },
  {
    model: "broken/by_model",
    project: `+location: "${outside("broken", "{{ model.name }}")}"`,
    error: "'model' is undefined",
    breaks: true,
    written: "`+location: …/{{ model.name }}.parquet` there",
    comes: "nothing is built, exit 2: `'model' is undefined`",
  },
  {
    model: "broken/in_schema_file",
    properties: `location: "${outside("broken", "{{ this.name }}")}"`,
    error: "'this' is undefined",
    breaks: true,
    written: "`config: {location: …/{{ this.name }}.parquet}` in a schema file, without `{% raw %}`",
    comes: "nothing is built, exit 2: `'this' is undefined`",
  },
];
