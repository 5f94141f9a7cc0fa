"""The tables of the serving benchmarks."""

from collections.abc import Sequence
from statistics import median
from typing import Any

from harness import markdown

Document = dict[str, Any]
NOTHING = "-"


def _pivot(rows: Sequence[Document], keys: Sequence[str], column: str) -> str:
    """A row for each of `keys`, a column for each row's value of `column`."""
    lines = [[key.replace("_", " "), *(_cell(row.get(key)) for row in rows)] for key in keys]
    return markdown(["", *(str(row[column]) for row in rows)], lines)


def _cell(value: object) -> str:
    if value is None:
        return NOTHING
    return f"{value:,}" if isinstance(value, int) else str(value)


def _closed(document: Document) -> str:
    """Requests a second, and p50 / p99 in ms, of each server at each load."""
    servers = list(document["servers"])
    found = {(row["server"], row["load"], row["clients"]): row for row in document["closed_loop"]}
    bare = {row["load"]: row for row in document["bare_engine"]}
    lines = []
    for kind, clients in dict.fromkeys(key[1:] for key in found):
        line: list[object] = [kind, bare[kind]["mean_tokens"], clients]
        for server in servers:
            row = found[server, kind, clients]
            failed = f", {row['failed']} of {row['requests']} failed" if row["failed"] else ""
            line.append(f"{row['requests_per_second']} ({row['p50_ms']} / {row['p99_ms']}){failed}")
        mine = found.get(("ours", kind, clients), {})
        times = [
            f"{mine['requests_per_second'] / rate:.1f}" if mine and rate else NOTHING
            for server in servers
            if server != "ours"
            for rate in [found[server, kind, clients]["requests_per_second"]]
        ]
        of_full = mine["requests_per_second"] / bare[kind]["texts_per_second"] if mine else None
        line += [_cell(mine.get("bare_engine_texts_per_second")), _share(mine.get("share_of_bare_engine"))]
        line += [_share(of_full), *times]
        lines.append(line)
    peers = [f"times {server}" for server in servers if server != "ours"]
    measured = [*servers, "bare engine, texts/s", "share of it", "share of full batches"]
    return markdown(["load", "tokens", "clients", *measured, *peers], lines)


def _share(value: float | None) -> str:
    return NOTHING if value is None else f"{value:.1%}"


def _roofline(document: Document) -> str:
    peak = document["int8_peak"]
    keys = ["load", "mean_tokens", "texts_per_second", "forward_pass_p50_ms", "forward_pass_p95_ms", "gops"]
    lines = [[*(row[key] for key in keys), _share(row["share_of_int8_peak"])] for row in document["bare_engine"]]
    summary = f"The machine's int8 peak: {peak['gops']:,} GOPS ({peak['kernel']}, {peak['shape']})"
    return f"{summary}.\n\n" + markdown([*(key.replace("_", " ") for key in keys), "share of the peak"], lines)


_OPEN = (
    *("sent_per_second", "capacity", "goodput_per_second", "goodput_share_of_capacity", "accepted_p50_ms"),
    *("accepted_p99_ms", "refused", "refused_p99_ms", "failed", "probe_p99_ms", "probe_max_ms"),
    *("probes_late_or_failed", "sent_late_p99_ms", "client_cpu_share", "resident_mib"),
)


def side_by_side(document: Document) -> str:
    """Closed loop, roofline, open loop."""
    shown = "".join(f"- {name}: {what}\n" for name, what in document["servers"].items())
    skipped = "".join(f"- left out: {reason}\n" for reason in document["skipped"].values())
    share = max(row["client_cpu_share"] for row in document["closed_loop"])
    release = document["release"]
    parts = [
        f"{document['threads']} threads, {release['base_model']} ({release['variant']}), {document['rounds']} rounds "
        f"of {document['seconds']:g} s; the load generator took at most {share:.1%} of a core.\n\n{shown}{skipped}",
        "Requests/s (p50 / p99 ms), one text a request; the bare engine runs batches of at most as many texts as there "
        "are clients, full batches are those of the table after this one:\n\n" + _closed(document),
        _roofline(document),
    ]
    if rows := document["open_loop"]:
        seconds, budget = rows[0]["seconds"], rows[0]["budget_ms"]
        summary = f"Open loop for {seconds:g} s; goodput is what was answered within twice {budget:g} ms:\n\n"
        parts.append(summary + _pivot(rows, _OPEN, "server"))
    return "\n".join(parts)


def one_client(document: Document) -> str:
    """Latency of one client beside the bare forward pass."""
    rows = document["loads"]
    lines = [
        [
            row["load"],
            row["mean_tokens"],
            row["forward_pass_p50_ms"],
            row["latency_p50_ms"],
            f"{row['over_ms']} ({row['over_low_ms']} to {row['over_high_ms']})",
            row["turns"],
            f"{row['requests']:,}",
        ]
        for row in rows
    ]
    summary = f"{document['threads']} threads, {document['shown']}; turns of {document['seconds']:g} s each, "
    summary += "the bare engine and the server on the same texts, the client's own time included:\n\n"
    heads = ["load", "tokens", "forward pass p50, ms", "latency p50, ms", "over the pass, ms", "turns", "requests"]
    return summary + markdown(heads, lines)


def footprint(document: Document) -> str:
    """Seconds to ready, resident memory."""
    rows = document["servers"]
    resident = [
        [f"resident {key.replace('_', ' ')}, MiB", *(row["resident_mib"][key] for row in rows)]
        for key in rows[0]["resident_mib"]
    ]
    started = ["start to ready, s", *(", ".join(map(str, row["seconds_to_ready"])) for row in rows)]
    lines = [started, *resident, ["failed", *(row["failed"] for row in rows)]]
    return markdown(["", *(row["server"] for row in rows)], lines)


def memory(document: Document) -> str:
    """A long run."""
    keys = [
        *("minutes", "clients", "answered", "refused", "failed", "resident_mib_first", "resident_mib_settled"),
        *("resident_mib_last", "resident_mib_largest", "slope_mib_per_hour"),
    ]
    lines = [[key.replace("_", " "), _cell(document[key])] for key in keys]
    return markdown(["figure", "mixed load"], [*lines, ["growth once settled", _share(document["growth_share"])]])


def flooded(document: Document) -> str:
    """Memory and probes of a server under a flood."""
    resident, quiet, loud = document["resident_mib"], document["probes_quiet"], document["probes_flooded"]
    rows = [
        *([f"resident {moment.replace('_', ' ')}, MiB", value] for moment, value in resident.items()),
        ["probes late or failed, quiet", f"{quiet['late'] + quiet['failed']} of {quiet['asked']}"],
        ["probes late or failed, flooded", f"{loud['late'] + loud['failed']} of {loud['asked']}"],
        ["slowest probe, quiet and flooded, ms", f"{quiet['largest_ms']}, {loud['largest_ms']}"],
        *(
            [kind.replace("_", " "), ", ".join(f"{n} x {end}" for end, n in ends.items())]
            for kind, ends in document["outcomes"].items()
        ),
    ]
    return markdown(["figure", f"commit {document['commit']}"], rows)


def _interval(share: Document) -> str:
    return f"{share['share']:.2%} ({share['low']:.2%} to {share['high']:.2%})"


def _start(seconds: Sequence[float]) -> str:
    return f"{median(seconds):.2f} ({min(seconds):.2f} to {max(seconds):.2f})"


def checkouts(document: Document) -> str:
    """Two checkouts in pairs, and the memory of each."""
    commits, lines = document["commits"], []
    for row in document["loads"]:
        cells = [row["load"], row["clients"], row["pairs"]]
        for figure, share in (("requests_per_second", "more"), ("p50_ms", "longer"), ("p99_ms", "longer")):
            changed = _interval(row[f"{figure.removesuffix('_ms')}_{share}"])
            cells += [row[f"{figure}_before"], row[f"{figure}_after"], changed]
        lines.append([*cells, row["failed"]])
    figures = ("requests/s", "p50, ms", "p99, ms")
    heads = [head for figure in figures for head in (f"{figure}, before", "after", "change")]
    resident = [
        [f"resident {moment}, MiB", *(document["resident_mib"][side][moment] for side in commits)]
        for moment in document["resident_mib"]["before"]
    ]
    starts = document["ready_seconds"].values()
    resident.append(["start to ready, s (median, least to most)", *(_start(seconds) for seconds in starts)])
    summary = f"{commits['before']} and {commits['after']}, both servers running, one under load at a time; "
    summary += (
        f"{document['threads']} threads, {document['release']['base_model']}, runs of {document['seconds']:g} s:\n\n"
    )
    table = markdown(["load", "clients", "pairs", *heads, "failed"], lines)
    return summary + table + "\n" + markdown(["", *commits], resident)


def log_cost(document: Document) -> str:
    """With and without the log, in pairs; the writer alone."""
    lines = []
    for row in document["pairs"]:
        lost, added = (_interval(row[key]) for key in ("requests_per_second_lost", "p95_added"))
        line = [
            row["load"],
            row["clients"],
            row["pairs"],
            row["requests_per_second_off"],
            row["requests_per_second_on"],
        ]
        lines.append([*line, lost, row["p95_ms_off"], row["p95_ms_on"], added, row["failed"]])
    headers = ["load", "clients", "pairs", "requests/s without", "with the log", "lost"]
    alone = document["postgres"]
    summary = (
        f"Into Postgres in isolation: {alone['rows_per_second']:,} rows/s ({alone['rows']:,} rows with texts of "
        f"{alone['mean_text_bytes']:,} bytes on average, commits flushed to disk; {alone['lost']} lost).\n"
    )
    summary += "".join(
        f"CPU time of a row ({row['load']}, {row['rows_per_second']} rows/s): {row['request_us']} µs of its request, "
        f"{row['writer_us']} of the writer's thread, {row['postgres_us']} of Postgres.\n"
        for row in document["cpu_per_row"]
    )
    return markdown([*headers, "p95 ms without", "with", "added", "failed"], lines) + "\n" + summary


def http_parsers(document: Document) -> str:
    """CPU time and latency of each protocol class on each loop, and its answers to unusual requests."""
    rows = document["servers"]
    packages = ", ".join(f"{name} {version}" for name, version in document["packages"].items())
    summary = (
        f"{packages}; {document['rounds']} rounds of {document['requests']:,} requests to each server, one client. "
    )
    summary += (
        "`ours` is on httptools too. The last columns are answers to valid requests, but for the one without Host, "
    )
    summary += "which HTTP/1.1 wants refused with 400:\n\n"
    lines = [
        [
            row["parser"],
            row["loop"],
            row["cpu_us"],
            ", ".join(map(str, row["cpu_us_by_round"])),
            row["p50_us"],
            *row["cases"].values(),
        ]
        for row in rows
    ]
    heads = ["protocol class", "loop", "server's CPU time of a request, µs", "by round", "latency p50, µs"]
    return summary + markdown([*heads, *rows[0]["cases"]], lines)


def _by_way(rows: Sequence[Document], ways: Sequence[str], key: str) -> list[str]:
    """Each way's result in the rows of one load: texts a second and the share of the peak, or another figure."""
    found = {row["way"]: row for row in rows}
    if key != "texts_per_second":
        return [_cell(found[way][key]) for way in ways]
    return [f"{found[way][key]:,} ({_share(found[way]['share_of_peak'])})" for way in ways]


def gpu(document: Document) -> str:
    """The torch engine on a card: its ways by load and by batch, and the server."""
    card, peak, server = document["card"], document["bf16_peak"], document["server"]
    ways = list(document["seconds_to_answer"])
    loads: dict[str, list[Document]] = {}
    for row in document["by_load"]:
        loads.setdefault(row["load"], []).append(row)
    batches: dict[tuple[str, int], list[Document]] = {}
    for row in document["by_batch"]:
        batches.setdefault((row["load"], row["texts"]), []).append(row)
    summary = (
        f"{card['name']} ({card['memory_gib']} GiB, CUDA {card['cuda']}, torch {document['torch']}), "
        f"{document['release']['base_model']} in bf16; the card's peak by products of {peak['size']} x {peak['size']}: "
        f"{peak['tflops']:,} TFLOPS. {document['rounds']} rounds of {document['seconds']:g} s. "
        f"Logits differ from those of {ways[0]} by at most {max(document['logit_differences'].values()):.2g}.\n"
    )
    throughput = [
        [load, rows[0]["mean_tokens"], *_by_way(rows, ways, "texts_per_second")] for load, rows in loads.items()
    ]
    latency = [[load, *_by_way(rows, ways, "one_text_p50_ms")] for load, rows in loads.items()]
    by_batch = [[*key, *_by_way(rows, ways, "texts_per_second")] for key, rows in batches.items()]
    keys = ["load", "texts_per_request", "clients", "requests_per_second", "texts_per_second"]
    keys += ["p50_ms", "p99_ms", "server_cpu_share", "client_cpu_share", "failed"]
    closed = [[_cell(row[key]) for key in keys] for row in server["closed_loop"]]
    return "\n".join(
        [
            summary,
            f"Texts/s (share of the peak), batches of {document['max_batch_tokens']:,} tokens:\n",
            markdown(["load", "tokens", *ways], throughput),
            "One text, p50 in ms:\n",
            markdown(["load", *ways], latency),
            "Texts/s (share of the peak) by texts in a batch:\n",
            markdown(["load", "texts", *ways], by_batch),
            f"The server ({server['shown']}), ready in {server['seconds_to_ready']} s:\n",
            markdown([key.replace("_", " ") for key in keys], closed),
        ]
    )


def int8(document: Document) -> str:
    """int8 beside fp32, and its answers on other processors beside those on this one."""
    beside, release = document["beside_fp32"], document["release"]
    agreement, difference = beside["agreement"], beside["accuracy_difference"]
    rows = [
        ("texts", f"{beside['rows']:,}"),
        ("accuracy, fp32 and int8", " and ".join(f"{beside['accuracy'][name]:.2%}" for name in ("fp32", "int8"))),
        (
            "int8 minus fp32, points",
            f"{difference['value'] * 100:+.2f} ({difference['low'] * 100:+.2f} to {difference['high'] * 100:+.2f})",
        ),
        ("same label", f"{agreement['value']:.2%} ({agreement['low']:.2%} to {agreement['high']:.2%})"),
        ("largest difference of P(positive)", beside["largest_probability_difference"]),
    ]
    summary = (
        "The same release on processors of AVX2 (emulated, with OpenVINO's kernels for these) beside this one. "
        f"A server refuses a release whose golden answers differ by more than {release['golden_tolerance']}.\n\n"
    )
    keys = ["cpu", "golden_difference", "texts", "largest_difference", "mean_difference", "other_labels"]
    others = [[row[key] for key in keys] for row in document["other_cpus"]]
    made = markdown([f"{release['base_model']}, {release['max_tokens']} tokens", "openvino-int8"], rows)
    return made + ("\n" + summary + markdown([key.replace("_", " ") for key in keys], others) if others else "")
