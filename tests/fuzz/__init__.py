"""A fuzzer of the server's codec and of a running server: whatever a client sends, the fault is never the server's.

`python -m fuzz --help`, with `tests/` and the repository's root on the path.
"""
