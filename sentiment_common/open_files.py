"""The process's limit of open files, which bounds its connections."""

import contextlib
import logging
import resource

log = logging.getLogger("sentiment_common.http")
RESERVED = 192  # files and sockets beside the connections: libraries, the log, storage, refusals that are on their way
FEWEST = 16


def fit_connections(**wanted: int) -> dict[str, int]:
    """Raise the soft limit of open files as far as `wanted` connections need it and the hard limit permits.

    Args:
        wanted: the settings of this process that bound connections, by name.

    Returns:
        The settings that fit, `wanted` where all do. Otherwise a warning names the limit and the remedy.
    """
    limit = _raise_limit(sum(wanted.values()) + RESERVED)
    share = max(0, limit - RESERVED) / sum(wanted.values())
    fitting = {name: min(count, max(FEWEST, int(count * share))) for name, count in wanted.items()}
    if fitting != wanted:
        log.warning(
            "the process may open %d files (ulimit -n): %s; raise the limit, or set what fits",
            limit,
            ", ".join(f"{name.upper()} is {fitting[name]} instead of {count}" for name, count in wanted.items()),
        )
    return fitting


def _raise_limit(needed: int) -> int:
    """Let the process open `needed` files; return how many of these it may open."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != resource.RLIM_INFINITY and soft < needed:
        aim = needed if hard == resource.RLIM_INFINITY else min(needed, hard)
        with contextlib.suppress(OSError, ValueError):  # macOS permits less than its hard limit
            resource.setrlimit(resource.RLIMIT_NOFILE, (aim, hard))
            soft = aim
    return needed if soft == resource.RLIM_INFINITY else min(soft, needed)
