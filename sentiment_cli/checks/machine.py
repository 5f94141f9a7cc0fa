"""This machine: Python, packages, processor, disk, memory, a writable place for state."""

import os
import platform
import shutil
import sys
import tempfile
from importlib import metadata
from pathlib import Path

from sentiment_cli.checks.check import Check, fail, ok, skip, warn

DISTRIBUTION = "sentiment-pipeline"
PYTHON_OLDEST, PYTHON_AFTER = (3, 11), (3, 14)
GIB = 1024**3
DISK_FAIL, DISK_WARN = 1 * GIB, 5 * GIB
MEMORY_FAIL, MEMORY_WARN = 1 * GIB, 4 * GIB
_CGROUP = Path("/sys/fs/cgroup")


def check_python(running: tuple[int, ...] = sys.version_info[:3]) -> Check:
    """Check that the locked packages exist for this Python."""
    found = f"Python {'.'.join(map(str, running))} on {platform.system()} {platform.machine()}"
    if PYTHON_OLDEST <= running[:2] < PYTHON_AFTER:
        return ok("python", found)
    return fail("python", found, "use Python 3.11, 3.12 or 3.13")


def extras(distribution: str = DISTRIBUTION) -> dict[str, list[str]]:
    """Return the requirements by extra (`""` is the base); an extra's own extras (`…[log]`) are not expanded."""
    from packaging.requirements import Requirement

    found: dict[str, list[str]] = {"": []}
    names = metadata.metadata(distribution).get_all("Provides-Extra") or []
    for line in metadata.requires(distribution) or []:
        requirement = Requirement(line)
        if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
            found[""].append(line)
            continue
        for name in names:
            if requirement.marker.evaluate({"extra": name}):
                found.setdefault(name, []).append(line)
    return found


def problems(lines: list[str], distribution: str = DISTRIBUTION) -> tuple[int, list[str]]:
    """Count the installed requirements, and describe the missing and wrong versions."""
    from packaging.requirements import Requirement

    good, wrong = 0, []
    for line in lines:
        requirement = Requirement(line)
        if requirement.name == distribution:
            continue
        try:
            version = metadata.version(requirement.name)
        except metadata.PackageNotFoundError:
            wrong.append(f"{requirement.name} is missing")
            continue
        if requirement.specifier.contains(version, prereleases=True):
            good += 1
        else:
            wrong.append(f"{requirement.name} is {version}, not {requirement.specifier}")
    return good, wrong


def check_packages() -> Check:
    """Check the packages: the base must be installed; an extra may be absent, but not half installed."""
    try:
        groups = extras()
    except metadata.PackageNotFoundError:
        return warn("packages", "the distribution is not installed", "pip install -e . (or: make setup)")
    whole, absent, wrong = [], [], []
    for name, lines in groups.items():
        good, bad = problems(lines)
        if name and not good and bad:
            absent.append(name)
        elif bad:
            wrong += [f"{name or 'base'}: {problem}" for problem in bad]
        elif name and good:
            whole.append(name)
    found = f"installed extras: {', '.join(whole) or 'none'}" + (f"; missing: {', '.join(absent)}" if absent else "")
    if wrong:
        return fail(
            "packages", "; ".join(wrong[:5]), f"pip install '{DISTRIBUTION}[serve,train,drift]' (or: make setup)"
        )
    if absent and "serve" in absent:
        return warn("packages", found, f"pip install '{DISTRIBUTION}[serve]' to serve from this machine")
    return ok("packages", found)


def check_openvino() -> Check:
    """Check that OpenVINO loads, and list the precisions that the processor runs natively."""
    import openvino as ov

    core = ov.Core()
    if "CPU" not in core.available_devices:
        return fail("openvino", "OpenVINO finds no CPU device", "type: pip install --force-reinstall openvino")
    can = set(core.get_property("CPU", "OPTIMIZATION_CAPABILITIES"))
    found = (
        f"{core.get_property('CPU', 'FULL_DEVICE_NAME')}: {', '.join(sorted(can & {'BF16', 'FP16', 'FP32', 'INT8'}))}"
    )
    if "INT8" in can:
        return ok("openvino", found)
    return warn("openvino", found, "int8 is emulated here: serve `--variant openvino-bf16`, or expect slow answers")


def check_torch() -> Check:
    """Check PyTorch, which training needs and serving does not."""
    import torch

    capability = torch.backends.cpu.get_cpu_capability()
    found = f"torch {torch.__version__}, {capability}, {torch.get_num_threads()} threads" + (
        f", {torch.cuda.get_device_name(0)}" if torch.cuda.is_available() else ""
    )
    if capability == "DEFAULT":
        return warn("torch", found, "the processor has no vector extension that torch knows: training will be slow")
    return ok("torch", found)


def nearest(path: Path) -> Path:
    """Return the path itself or its nearest existing parent."""
    path = path.absolute()
    while not path.exists():
        path = path.parent
    return path


def check_disk(folder: Path) -> Check:
    """Check the disk space for releases, caches and the log."""
    free = shutil.disk_usage(nearest(folder)).free
    found = f"{free / GIB:.1f} GiB free at {nearest(folder)}"
    if free < DISK_FAIL:
        return fail("disk", found, "free some space: a release takes 0.2 GiB, checkpoints several times that")
    if free < DISK_WARN:
        return warn("disk", found, "enough to serve; training needs 5 GiB")
    return ok("disk", found)


def available_memory() -> int | None:
    """Return the bytes free for a new process, in the system and in the cgroup; None where unknown."""
    try:
        lines = Path("/proc/meminfo").read_text().splitlines()
        free = next(int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable"))
    except (OSError, StopIteration):
        return None
    try:
        limit, used = (int((_CGROUP / name).read_text()) for name in ("memory.max", "memory.current"))
        return min(free, limit - used)
    except (OSError, ValueError):  # no cgroup v2, or "max"
        return free


def check_memory() -> Check:
    """Check the memory to serve (1 GiB) and to train (4 GiB)."""
    free = available_memory()
    if free is None:
        return skip("memory", f"this system ({platform.system()}) does not report its memory")
    found = f"{free / GIB:.1f} GiB available"
    if free < MEMORY_FAIL:
        return fail("memory", found, "end other programs: serving takes up to 1 GiB")
    if free < MEMORY_WARN:
        return warn("memory", found, "enough to serve; training takes up to 4 GiB")
    return ok("memory", found)


def check_writable(folder: Path) -> Check:
    """Check that the state folder of the settings is writable."""
    place = nearest(folder)
    try:
        with tempfile.TemporaryFile(dir=place) as probe:
            probe.write(b"probe")
    except OSError as error:
        return fail(
            "state folder", f"{place} cannot be written ({error.strerror})", f"chown or chmod {place}, or run elsewhere"
        )
    return ok("state folder", f"{folder} can be written by uid {os.getuid()}")
