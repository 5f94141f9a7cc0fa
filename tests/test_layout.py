"""The house rules of the packages: imports run one way, down, and a file holds one idea.

A package's layers stand here from the bottom to the top. A room (a sub-package, or a module beside them) may import rooms
of lower layers only. A new room gets its place in the list; a wish to import upwards means that a type or a function
belongs further down.
"""

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
LONGEST_FILE = 400
SHARED = "sentiment_common"
CONTRACTS = ("model_release", "prediction_log")
PROGRAMS = ("training_job", "model_server", "drift_cronjob")
FRONT = "sentiment_cli"  # starts the programs, and may import any of them
PACKAGES = (SHARED, *CONTRACTS, *PROGRAMS, FRONT)
# Lowest first. Rooms of one line do not import each other.
LAYERS: dict[str, tuple[str, ...]] = {
    "sentiment_common": (
        "addresses client_address cron_jobs database_lock disk errors intervals json_terms look object_store open_files "
        "pod_trouble propagators settings",
        "console http kubernetes_api pictures",
    ),
    "model_release": (
        "errors",
        "manifest store_trouble",
        "folder",
        "scoring",
        "golden reference",
        "seen store",
        "__init__",
    ),
    "prediction_log": (
        "errors",
        "record schema",
        "database",
        "settings feedback reports",
        "reader ingest maintenance",
        "migrations cli __init__",
        "__main__",
    ),
    "training_job": (
        "errors extras progress stopping",
        "settings options stages",
        "data",
        "measure",
        "card tracking",
        "fit build",
        "kept",
        "workspace study promotion publish",
        "outcomes",
        "search",
        "pipeline",
        "show",
        "cli",
        "__main__",
    ),
    "model_server": (
        "errors about console_log phases",
        "settings tls",
        "batching",
        "metrics engines",
        "access",
        "inference",
        "lifecycle",
        "protocol",
        "rest rpc",
        "tracing kserve_sdk average",
        "server",
        "cli",
        "kserve_model __main__",
    ),
    "drift_cronjob": (
        "errors settings statistics",
        "actions window",
        "detectors monitor",
        "outcome",
        "report terminal",
        "check",
        "cli",
        "__main__",
    ),
    "sentiment_cli": (
        "errors settings",
        "client health lazy releases",
        "app checks demo status",
        "doctor page",
        "cluster serve",
        "__main__",
    ),
}
# Rooms of training_job that work on plain data, and the libraries that they do without.
PLAIN_ROOMS = ("training_job.data", "training_job.measure", "training_job.card")
HEAVY = ("torch", "mlflow", "kubernetes")


def _modules() -> dict[str, Path]:
    found = {}
    for package in PACKAGES:
        for path in sorted((ROOT / package).rglob("*.py")):
            parts = path.relative_to(ROOT).with_suffix("").parts
            found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


MODULES = _modules()


def _imports(path: Path) -> Iterator[tuple[int, str]]:
    """Line and name of everything that a module imports, at its top or inside a function."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            for alias in node.names:
                whole = f"{node.module}.{alias.name}"
                yield node.lineno, whole if whole in MODULES else node.module


def _ours(path: Path) -> Iterator[tuple[int, str]]:
    return ((line, name) for line, name in _imports(path) if name.partition(".")[0] in PACKAGES)


def _room(module: str) -> str:
    """The room of a module inside its package."""
    return module.split(".")[1] if "." in module else "__init__"


def _circles(graph: dict[str, set[str]]) -> list[frozenset[str]]:
    """Groups of modules that import each other, by Tarjan's algorithm for strongly connected components."""
    index: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    found: list[frozenset[str]] = []

    def visit(module: str) -> None:
        index[module] = low[module] = len(index)
        stack.append(module)
        for other in sorted(graph[module]):
            if other not in index:
                visit(other)
                low[module] = min(low[module], low[other])
            elif other in stack:
                low[module] = min(low[module], index[other])
        if low[module] == index[module]:
            group = set()
            while True:
                group.add(stack.pop())
                if module in group:
                    break
            if len(group) > 1:
                found.append(frozenset(group))

    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(10_000)
    try:
        for module in sorted(graph):
            if module not in index:
                visit(module)
    finally:
        sys.setrecursionlimit(limit)
    return found


def _graph() -> dict[str, set[str]]:
    graph: dict[str, set[str]] = {module: set() for module in MODULES}
    for module, path in MODULES.items():
        graph[module] = {name for _, name in _ours(path) if name in MODULES and name != module}
    return graph


def test_packages_import_only_what_is_below_them() -> None:
    allowed = {
        SHARED: {SHARED},
        **{contract: {contract, SHARED} for contract in CONTRACTS},
        **{program: {program, *CONTRACTS, SHARED} for program in PROGRAMS},
        FRONT: set(PACKAGES),
    }
    wrong = [
        f"{path.relative_to(ROOT)}:{line} imports {name}; what {package} shares with others belongs in {SHARED}"
        for module, path in MODULES.items()
        for line, name in _ours(path)
        if name.partition(".")[0] not in allowed[package := module.partition(".")[0]]
    ]
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("package", LAYERS)
def test_rooms_import_only_rooms_below_them(package: str) -> None:
    layer = {room: number for number, rooms in enumerate(LAYERS[package]) for room in rooms.split()}
    wrong = []
    for module, path in MODULES.items():
        if module.partition(".")[0] != package:
            continue
        own = _room(module)
        if own not in layer and not (own == "__init__" and package not in layer):
            wrong.append(f"{path.relative_to(ROOT)}: the room {own!r} is in no layer of {package}; give it a place")
            continue
        for line, name in _ours(path):
            other = _room(name)
            if name.partition(".")[0] != package or other == own:
                continue
            if layer.get(other, -1) >= layer[own]:
                wrong.append(
                    f"{path.relative_to(ROOT)}:{line} imports {name}, which is not below {own!r}; "
                    f"move what it needs into a room below both"
                )
    assert not wrong, "\n".join(wrong)


def test_no_modules_import_each_other_in_a_circle() -> None:
    circles = [sorted(circle) for circle in _circles(_graph())]
    assert not circles, f"circles of imports: {circles}; move the types that they share into a separate module"


def test_plain_rooms_reach_no_heavy_library() -> None:
    graph = _graph()
    found: dict[str, set[str]] = {}
    for start in MODULES:
        if not start.startswith(PLAIN_ROOMS):
            continue
        seen, queue = {start}, [start]
        while queue:
            module = queue.pop()
            for line, name in _imports(MODULES[module]):
                if name.partition(".")[0] in HEAVY:
                    found.setdefault(start, set()).add(f"{name} at {MODULES[module].relative_to(ROOT)}:{line}")
            new = graph[module] - seen
            seen |= new
            queue += new
    assert not found, f"modules for plain data that load a heavy library: {found}"


def test_no_value_travels_by_a_context_variable() -> None:
    found = [
        f"{path.relative_to(ROOT)}:{line}"
        for path in MODULES.values()
        for line, name in _imports(path)
        if name == "contextvars"
    ]
    assert not found, f"context variables in {found}; pass the value as an argument"


def test_files_are_short() -> None:
    paths = [*MODULES.values(), *(ROOT / "tests").rglob("*.py"), *(ROOT / "benchmarks").rglob("*.py")]
    lengths = {path: len(path.read_text(encoding="utf-8").splitlines()) for path in paths}
    long = [f"{path.relative_to(ROOT)}: {length}" for path, length in lengths.items() if length > LONGEST_FILE]
    assert not long, f"longer than {LONGEST_FILE} lines; split by idea: {long}"
