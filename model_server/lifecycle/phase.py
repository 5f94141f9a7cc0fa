"""Where the process stands between its start and its end."""

import enum


class Phase(enum.Enum):
    """The server answers while ready and draining; `UNLOADED` lasts until the next load."""

    STARTING = "starting"
    READY = "ready"
    UNLOADED = "unloaded"
    DRAINING = "draining"
