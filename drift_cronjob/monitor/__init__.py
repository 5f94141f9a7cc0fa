"""The monitor: a process that serves the last checks, releases and Jobs as metrics and read-only JSON."""
