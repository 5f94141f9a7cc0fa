"""The process's limit of open files, which bounds its connections."""

import logging
import resource

log = logging.getLogger("sentiment_common.http")
RESERVED = 192  # files and sockets beside the connections: libraries, the log, storage, refusals that are on their way
FEWEST = 16


def fit_connections(*wanted: int) -> tuple[int, ...]:
    """Raise the soft limit of open files as far as `wanted` connections need it and the hard limit permits.

    Args:
        wanted: connections of each transport of this process.

    Returns:
        The connections that fit, `wanted` where all do. Otherwise a warning names the limit and the remedy.
    """
    needed = sum(wanted) + RESERVED
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != resource.RLIM_INFINITY and soft < needed:
        soft = needed if hard == resource.RLIM_INFINITY else min(needed, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    if soft == resource.RLIM_INFINITY or soft >= needed:
        return wanted
    share = max(0, soft - RESERVED) / sum(wanted)
    fitting = tuple(max(FEWEST, int(each * share)) for each in wanted)
    log.warning(
        "the process may open %d files (ulimit -n), so that %s connections are accepted and not %s; raise the limit, "
        "or set MAX_CONNECTIONS and GRPC_MAX_CONNECTIONS to what fits",
        soft,
        " and ".join(map(str, fitting)),
        " and ".join(map(str, wanted)),
    )
    return fitting
