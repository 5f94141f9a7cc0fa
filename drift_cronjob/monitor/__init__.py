"""A small process that is always there: the last checks, releases and Jobs as metrics and as read-only JSON."""
