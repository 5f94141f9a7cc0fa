"""Write `RESULTS.md` from the JSON of `results/`: no figure in it is typed by hand.

python benchmarks/tables.py
"""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import serving_tables
from harness import RESULTS, markdown

Document = dict[str, Any]


def _machine(document: Document) -> str:
    host = document["machine"]
    features = ", ".join(host["cpu_features"])
    day = host["measured"][:10]
    cores, load = f"{host['cores']} cores of {host['cpu']} ({features})", host["load_before"][0]
    return f"{cores}, Python {host['python']}, measured {day}; load of the machine before it {load}.\n"


def _shown(name: str, metric: Document) -> str:
    if name in ("brier", "nll"):
        return f"{metric['value']:.4f} ({metric['low']:.4f} to {metric['high']:.4f})"
    return f"{metric['value']:.2%} ({metric['low']:.2%} to {metric['high']:.2%})"


_OLDER_SPLIT = (
    "Measured before rows were parted by the hash of their text and copies of a test file were merged; the same "
    "command takes slightly other rows now.\n"
)


def training(document: Document) -> str:
    """A mode's figures."""
    metrics, facts = document["metrics"], document["facts"]
    rows: list[tuple[str, object]] = [
        (
            "training, evaluation apart",
            f"{facts['train_seconds']:.0f} s for {facts['train_rows']} rows x {facts['epochs']}",
        ),
        ("validation during training", f"{facts['validation_seconds']:.0f} s"),
        ("peak memory", f"{facts['peak_memory_mib']} MiB"),
        ("served by default", document["default_variant"]),
        ("temperature", f"{document['temperature']:.3f}"),
    ]
    if document["seconds_in_all"]:
        rows.append(("all, with load, int8, all test rows, release", f"{document['seconds_in_all']:.0f} s"))
    rows += [(name.replace("_", " "), _shown(name, metric)) for name, metric in metrics.items()]
    table = markdown(["figure", f"{document['base_model']}, {document['max_tokens']} tokens"], rows)
    return table if "split_scheme" in facts else f"{table}\n{_OLDER_SPLIT}"


def training_step(document: Document) -> str:
    """Our step beside the stock trainer's."""
    parts = []
    for name, entries in document.items():
        if isinstance(entries, list) and entries and isinstance(entries[0], dict):
            headers = list(entries[0])
            parts.append(f"{name}:\n\n" + markdown(headers, [[row.get(key, "") for key in headers] for row in entries]))
    return "\n".join(parts)


def serving(document: Document) -> str:
    """Start, memory, equality, speed."""
    agreement, resident = document["transports"], document["resident_mib"]
    rows = [
        ("start to ready", ", ".join(f"{seconds} s" for seconds in document["seconds_to_ready"])),
        ("resident memory when ready", f"{resident['ready']} MiB"),
        ("after 1,000 requests", f"{resident['after_1000_requests']} MiB"),
        (
            f"{agreement['texts']} texts by 4 transports, one at a time",
            f"{agreement['largest_difference_one_at_a_time']:.2g}",
        ),
        ("the same, 8 at once", f"{agreement['largest_difference_concurrent']:.2g}"),
        (
            "rows logged, of 800 each",
            f"{agreement['rows_logged_one_at_a_time']}, {agreement['rows_logged_concurrent']}",
        ),
    ]
    keys = ["texts", "mean_tokens", "clients", "requests_per_second", "p50_ms", "p95_ms", "p99_ms", "failed"]
    loads = markdown(
        [key.replace("_", " ") for key in keys], [[row[key] for key in keys] for row in document["throughput"]]
    )
    return markdown(["figure", document["release"]["variant"]], rows) + "\n" + loads


FAULTS = {
    "postgres_stopped": "Postgres gone for {seconds:.0f} s",
    "disk_full": "journal's disk full for {seconds:.0f} s",
    "disk_full_postgres_stopped": "the same, Postgres gone",
    "server_sigterm": "server ended by SIGTERM",
}


def faults(document: Document) -> str:
    """Rows lost and predictions failed; of killed servers also how old the lost rows were."""
    made = {fault: document[fault] for fault in FAULTS if "left_out" not in document[fault]}
    keys = dict.fromkeys(key for figures in made.values() for key in figures)
    shown = [key for key in keys if key not in ("seconds", "first_failures")]
    rows = [[key.replace("_", " "), *(figures.get(key, "") for figures in made.values())] for key in shown]
    heads = [FAULTS[fault].format_map(figures) for fault, figures in made.items()]
    parts = [markdown([f"{document['clients']} clients", *heads], rows)]
    left_out = {document[fault]["left_out"] for fault in FAULTS if fault not in made}
    parts += [f"Left out: {reason}.\n" for reason in sorted(left_out)]
    return "\n".join([*parts, _killed(document)])


def _killed(document: Document) -> str:
    flush, held = (round(document[name] * 1000) for name in ("flush_seconds", "held_seconds"))
    summary = (
        "`kill -9` takes the rows that were answered and stood in memory only. There a row waits for others, "
        f"{flush} ms at most, and while the rows before it are written: by an insert, whose rows go to the journal "
        f"after {held} ms, or by a sync of the journal's disk.\n\n"
    )
    states = document["server_killed"]
    keys = ["kills", "predictions_answered", "predictions_failed", "rows_logged", "rows_lost", "rows_twice"]
    rows: list[list[object]] = [[key.replace("_", " "), *(figures[key] for figures in states.values())] for key in keys]
    rows.append(["oldest lost row, ms before the kill", *(figures["oldest_lost_ms"] for figures in states.values())])
    rows.append(["slowest sync of the journal's disk, ms", *(kills["slowest_sync_ms"] for kills in states.values())])
    each = [", ".join(str(kill["rows_lost"]) for kill in figures["each"]) for figures in states.values()]
    rows.append(["rows lost by each kill", *each])
    return summary + markdown(["server killed", *(f"Postgres {state}" for state in states)], rows)


def drift(_: Document) -> str:
    """The benchmark writes its own tables."""
    return (RESULTS / "drift.md").read_text().split("\n", 1)[1].strip() + "\n"


def page(document: Document) -> str:
    """Scores, seconds and bytes of each view."""
    keys = [key for key in document["views"][0] if key != "failed_audits"]
    rows = [[row[key] for key in keys] for row in document["views"]]
    failed = sorted({name for row in document["views"] for name in row["failed_audits"]})
    summary = f"Lighthouse {document['lighthouse']}, medians of {document['runs']} runs; `mobile` is a slowed phone. "
    summary += f"Audits of accessibility and good practice that failed: {', '.join(failed) or 'none'}.\n\n"
    return summary + markdown([key.replace("_", " ") for key in keys], rows)


SECTIONS: dict[str, tuple[str, Callable[[Document], str]]] = {
    "training_quick": ("Training, quick", training),
    "training_optimized": ("Training, optimized", training),
    "training_step": ("A training step beside transformers.Trainer", training_step),
    "serving": ("One server on one machine", serving),
    "serving_side_by_side": ("Serving side by side at DistilBERT's size", serving_tables.side_by_side),
    "serving_one_client": ("One client beside the bare forward pass", serving_tables.one_client),
    "serving_streams": ("A stream of the engine for each core", serving_tables.side_by_side),
    "serving_kserve_edges": ("The same engine behind KServe's own edges", serving_tables.side_by_side),
    "serving_footprint": ("Cold start and memory at DistilBERT's size", serving_tables.footprint),
    "serving_memory": ("Memory over a long run", serving_tables.memory),
    "serving_http_parsers": ("HTTP parsers beside each other", serving_tables.http_parsers),
    "serving_flooded_before": ("A flooded server, the commit before", serving_tables.flooded),
    "serving_flooded": ("A flooded server", serving_tables.flooded),
    "serving_checkouts": ("Two commits of the server side by side", serving_tables.checkouts),
    "serving_log_cost": ("What the prediction log costs", serving_tables.log_cost),
    "serving_int8": ("int8 beside fp32, and on other processors", serving_tables.int8),
    "serving_gpu": ("Serving on a GPU", serving_tables.gpu),
    "faults": ("Faults", faults),
    "page": ("The page", page),
    "drift": ("Drift", drift),
}


BASES = {
    "protocol": "Specified by the protocol, or by an extension that the server declares:",
    "practice": (
        "Left open by the protocol, and done by a careful server: the client errors that are refused, their status, "
        "HTTP and gRPC around them, the habits of clients. A server that chooses differently breaks no rule:"
    ),
}


def _counts(counts: dict[str, int]) -> str:
    passed, failed, skipped = (counts.get(outcome, 0) for outcome in ("pass", "fail", "skip"))
    return f"{passed} of {passed + failed}" + (f", {skipped} skipped" if skipped else "")


def conformance() -> str:
    """Checks that each server passes, of those that apply to it, by group; the protocol's apart from good practice."""
    found = {path.stem.removeprefix("conformance_"): path for path in sorted(RESULTS.glob("conformance_*.json"))}
    documents = {name: json.loads(found[name].read_text()) for name in sorted(found, key=lambda name: name != "ours")}
    if not documents:
        return ""
    heads = [name if name == "ours" else f"{name} {each['server']['version']}" for name, each in documents.items()]
    parts = ["## Open Inference Protocol\n"]
    for basis, summary in BASES.items():
        columns = [document["summary"][basis] for document in documents.values()]
        groups = dict.fromkeys(group for column in columns for group in column["groups"])
        rows = [[group, *(_counts(column["groups"].get(group, {})) for column in columns)] for group in groups]
        rows.append(["all", *(_counts(column["total"]) for column in columns)])
        parts.append(f"{summary}\n\n" + markdown(["checks passed", *heads], rows))
    return "\n".join(parts)


def fuzzing() -> str:
    """The fuzzer's cases and findings."""
    path = RESULTS / "fuzz.json"
    if not path.exists():
        return ""
    document = json.loads(path.read_text())
    codec, server = document["codec"], document["server"]
    rows = [
        ["inputs of the codec", codec["inputs"]],
        ["of these refused, as they should be", sum(codec["refused"].values())],
        ["crashes of the codec", len(codec["crashes"])],
        ["requests of a server, REST and gRPC", server["requests"]],
        ["5xx, INTERNAL, broken connections", len(server["faults"])],
        ["ready afterwards", server["ready"]],
    ]
    return f"## Fuzzing\n\nSeed {document['seed']}.\n\n" + markdown(["figure", ""], rows)


def main() -> None:
    parts = ["# Results\n\nMade by `python benchmarks/tables.py` from `results/*.json`.\n"]
    for name, (title, render) in SECTIONS.items():
        path = RESULTS / f"{name}.json"
        if path.exists():
            document = json.loads(path.read_text())
            parts.append(f"## {title}\n\n{_machine(document)}\n{render(document)}")
    parts += [part for part in (conformance(), fuzzing()) if part]
    Path(__file__).with_name("RESULTS.md").write_text("\n".join(parts))


if __name__ == "__main__":
    main()
