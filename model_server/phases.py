"""Phases of a request: where its time went, for its `Server-Timing` header and its trace."""

Phase = tuple[str, float, float]  # name, beginning and end in monotonic seconds
Phases = list[Phase]
