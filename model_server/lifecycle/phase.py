"""Phases of the process, from start to end."""

import enum


class Phase(enum.Enum):
    """The server answers while ready and draining; `UNLOADED` lasts until the next load."""

    STARTING = "starting"
    READY = "ready"
    UNLOADED = "unloaded"
    DRAINING = "draining"
