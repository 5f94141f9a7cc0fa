"""Make docs/reference/settings.md from the programs' settings: `python scripts/settings_reference.py [--check]`.

`--check` writes nothing and ends with 1 when the page is not what the settings say.
"""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from reference_pages import ROOT, cell, code, write_or_compare

from drift_cronjob.monitor.settings import MonitorSettings
from drift_cronjob.settings import DriftSettings
from model_server.average.app import AveragerSettings
from model_server.settings import ServerSettings
from prediction_log.settings import LogSettings
from sentiment_cli.demo.settings import DemoSettings
from sentiment_cli.settings import CliSettings, ClusterSettings
from sentiment_common.http.settings import BodySettings, HttpSettings
from sentiment_common.settings import Settings, variable_of
from training_job.settings import PromotionSettings, SearchSettings, StoreSettings, TrainSettings

PAGE = ROOT / "docs/reference/settings.md"

HEAD = """# Settings

Every setting of every program: an environment variable, and where the [command](commands.md) offers one, an option,
which wins over the variable. A variable that is empty or blank counts as not set, and blanks around a value do not
count. A value that cannot be right ends the program with exit code 2 and a line that names it.
In a cluster the chart sets these variables from its own values, which
[its README](../../charts/sentiment/README.md) lists.

This page is made from the settings themselves by `scripts/settings_reference.py`.
"""

_TABLE = "\n| variable | value | default | what it is |\n|---|---|---|---|\n"


class Section(NamedTuple):
    """A heading, its text, and the classes whose fields follow; no field is listed twice."""

    title: str
    text: str
    settings: tuple[type[Settings], ...]


SECTIONS = (
    Section("Releases and tracking", "Read by trainings, searches, promotions and rollbacks alike.", (StoreSettings,)),
    Section("Training and search", "`sentiment train` and `search`, `python -m training_job`.", (SearchSettings,)),
    Section("Training", "`sentiment train`, `python -m training_job train`.", (TrainSettings,)),
    Section("Promotion and rollback", "`sentiment promote` and `rollback`.", (PromotionSettings,)),
    Section("Model server", "`sentiment serve`, `python -m model_server`.", (ServerSettings,)),
    Section(
        "Averager",
        "`python -m model_server.average`, which the chart starts for `server.graph.mode: average`.",
        (AveragerSettings,),
    ),
    Section(
        "HTTP of every server",
        "Read by the model server, the averager, the monitor and the page's server alike.",
        (HttpSettings,),
    ),
    Section("HTTP bodies", "Read by the model server and the averager.", (BodySettings,)),
    Section("Drift check", "`sentiment drift check`, `python -m drift_cronjob check`.", (DriftSettings,)),
    Section("Monitor", "`sentiment drift monitor`, `python -m drift_cronjob monitor`.", (MonitorSettings,)),
    Section(
        "The command line on one machine",
        "`sentiment serve` (with `--ui`), `status`, `doctor`, `releases`.",
        (CliSettings,),
    ),
    Section("Commands with `--cluster`", "`sentiment train --cluster` and the like.", (ClusterSettings,)),
    Section("Demo", "`sentiment demo`, `make demo`.", (DemoSettings,)),
    Section("Prediction log", "`python -m prediction_log`.", (LogSettings,)),
)

# Bases whose fields have a separate section.
SHARED: dict[type[Settings], str] = {
    StoreSettings: "[releases and tracking](#releases-and-tracking)",
    SearchSettings: "[training and search](#training-and-search)",
    HttpSettings: "[HTTP of every server](#http-of-every-server)",
    BodySettings: "[HTTP bodies](#http-bodies)",
}

# Variables that libraries read, and our few variables that are not a setting of a program.
OTHERS = {
    "AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY": "keys of an `s3://` store; a role of the machine or pod does as well",
    "AWS_ENDPOINT_URL": "the address of an S3 that is not Amazon's, such as MinIO's",
    "AWS_REGION": "the region of an `s3://` store",
    "HF_ENDPOINT": "the model hub's address, for data and bases by a hub's name; https://huggingface.co unless given",
    "HF_HOME": "where what was fetched from the hub is kept",
    "HF_HUB_ETAG_TIMEOUT, HF_HUB_DOWNLOAD_TIMEOUT": "seconds that the hub may take; 10 and 30 unless given",
    "HF_HUB_OFFLINE": "`1`: only what HF_HOME holds is used; set where the hub does not answer",
    "HOSTNAME": "under which name a server's rows lie in SPILL_URI; the machine's name unless given",
    "HTTP_PROXY, HTTPS_PROXY, ALL_PROXY": "the proxy that MLflow's server and the hub are reached through",
    "KUBECONFIG": "files by which `--cluster` finds the cluster; ~/.kube/config unless given",
    "KUBERNETES_SERVICE_HOST": "set by Kubernetes in every pod: programs then talk to the cluster that they run in, by "
    "the pod's own account, unless KUBECONFIG is given",
    "MLFLOW_DISABLE_TELEMETRY": "whether MLflow keeps from reporting its use; `true` unless given",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES, MLFLOW_HTTP_REQUEST_TIMEOUT": "how often a request to MLflow's server is tried "
    "again, and the seconds that it may take; 2 and 20 unless given",
    "MLFLOW_SERVER_ALLOWED_HOSTS": "read by MLflow's server: the host names that it may be called by",
    "MLFLOW_TRACKING_TOKEN": "for an MLflow that asks for a bearer token",
    "MLFLOW_TRACKING_USERNAME, MLFLOW_TRACKING_PASSWORD": "for an MLflow that asks for them",
    "NO_PROXY": "hosts that are reached without that proxy",
    "OTEL_*": "[traces](../serving.md#traces) and where they go; none unless an endpoint is given",
    "PG*": "libpq's variables: what [DATABASE_URL](database-url.md) leaves out",
}

_TYPES = {"string": "text", "integer": "whole number", "number": "number", "boolean": "`true` or `false`"}
_FORMATS = {"path": "path", "file-path": "path", "date-time": "ISO 8601 time"}


class Row(NamedTuple):
    variable: str
    value: str
    default: str
    text: str


class Undocumented(Exception):
    """A setting without a docstring."""


def value_of(schema: dict[str, Any]) -> str:
    """Describe the values of a JSON schema in words: their type and bounds."""
    if choices := [choice for choice in schema.get("anyOf", []) if choice.get("type") != "null"]:
        return value_of(choices[0])
    if "enum" in schema or "const" in schema:
        return "one of " + ", ".join(code(choice) for choice in schema.get("enum", [schema.get("const")]))
    if schema["type"] == "array":
        return f"{value_of(schema.get('items', {'type': 'string'}))}, several with commas between"
    parts = [_FORMATS.get(schema.get("format", ""), _TYPES[schema["type"]])]
    signs = {"minimum": "≥", "exclusiveMinimum": ">", "maximum": "≤", "exclusiveMaximum": "<"}
    parts += [f"{sign} {schema[key]:,}".removesuffix(".0") for key, sign in signs.items() if key in schema]
    if "pattern" in schema:
        parts.append(f"as {code(schema['pattern'])}")
    elif schema.get("minLength"):
        parts.append("not empty")
    return ", ".join(parts)


def default_of(schema: dict[str, Any], required: bool) -> str:
    """Return the default as written in the environment; a path inside the repository is relative to its root."""
    if required:
        return "must be given"
    value = schema.get("default")
    if value is None or value == []:
        return ""
    if isinstance(value, bool):
        return code(str(value).lower())
    text = str(value)
    return code(text.removeprefix(f"{ROOT}/"))


def rows_of(settings: type[Settings]) -> Iterator[Row]:
    """Yield a row for each field of the class and its bases, by the variable's name.

    Raises:
        Undocumented: a field has no docstring.
    """
    schema = settings.model_json_schema(by_alias=False)
    for name, field in settings.model_fields.items():
        if not field.description:
            raise Undocumented(f"{settings.__module__}.{settings.__name__}.{name}")
        variable = variable_of(name, field)
        about = schema["properties"][name]
        if "$ref" in about:
            about = schema["$defs"][about["$ref"].rpartition("/")[2]] | about
        text = " ".join(field.description.split())
        yield Row(variable, value_of(about), default_of(about, name in schema.get("required", ())), text)


def table(rows: list[Row]) -> str:
    lines = [f"| {code(row.variable)} | {cell(row.value)} | {cell(row.default)} | {cell(row.text)} |\n" for row in rows]
    return _TABLE + "".join(lines)


def page() -> str:
    """Return the whole page."""
    parts = [HEAD]
    for section in SECTIONS:
        rows = [row for one in section.settings for row in rows_of(one)]
        text = section.text
        for base, reference in SHARED.items():
            if base not in section.settings and all(issubclass(one, base) for one in section.settings):
                inherited = {row.variable for row in rows_of(base)}
                rows = [row for row in rows if row.variable not in inherited]
                text += f" Also those of {reference}."
        parts.append(f"\n## {section.title}\n\n{text}\n{table(rows)}")
    parts.append("\n## What libraries and the surroundings set\n\n| variable | what it is |\n|---|---|\n")
    for names, text in OTHERS.items():
        parts.append(f"| {', '.join(code(name) for name in names.split(', '))} | {cell(text)} |\n")
    return "".join(parts)


def variables() -> set[str]:
    """Return every variable that the page names."""
    named = {row.variable for section in SECTIONS for one in section.settings for row in rows_of(one)}
    return named | {name for names in OTHERS for name in names.split(", ")}


def main(arguments: list[str]) -> int:
    """Write the page, or compare it with `--check`; return the exit code."""
    try:
        text = page()
    except Undocumented as error:
        sys.stderr.write(f"{error} has no docstring: write one that says what the setting is\n")
        return 1
    return write_or_compare(PAGE, text, Path(__file__), "--check" in arguments)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
