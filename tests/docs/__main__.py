"""`PYTHONPATH=tests:. python -m docs`: count the documentation's commands that are run, and give the reasons for the others."""

from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from .conftest import triton_python
from .fences import ROOT, Fence, fences, pages


def is_run(fence: Fence) -> bool:
    """Report whether a test runs the fence here."""
    return fence.runnable and (not fence.needs or (fence.needs == ("tritonclient",) and triton_python() is not None))


def commands(fence: Fence) -> int:
    """Count the commands in a fence: its lines without comments, blank lines and continuation lines; a Python fence counts as one."""
    if fence.language == "python":
        return 1
    lines = [line.strip() for line in fence.code.splitlines()]
    lines = [line for line in lines if line and not line.startswith("#")]
    return sum(1 for before, line in zip(["", *lines], lines, strict=False) if not before.endswith("\\"))


def summary(of: Iterable[Path]) -> str:
    """Summarise pages in one line: commands that are run, and commands that are not, by reason."""
    run, left = Counter[str](), Counter[str]()
    for page in of:
        for fence in fences(page):
            if is_run(fence):
                run["fences"] += 1
                run["commands"] += commands(fence)
            elif fence.runnable:
                left[" and ".join(fence.needs)] += commands(fence)
    reasons = ", ".join(f"{count} need {reason}" for reason, count in left.most_common())
    return f"{run['commands']} commands in {run['fences']} fences run; {left.total()} marked: {reasons}"


def table() -> str:
    """Print a line for each page, then the sum."""
    rows = ["commands  marked  page"]
    for page in pages():
        runnable = [fence for fence in fences(page) if fence.runnable]
        if runnable:
            ran = sum(commands(fence) for fence in runnable if is_run(fence))
            rows.append(f"{ran:8}  {sum(map(commands, runnable)) - ran:6}  {page.relative_to(ROOT)}")
    return "\n".join([*rows, summary(pages())])


if __name__ == "__main__":
    import sys

    sys.stdout.write(table() + "\n")
