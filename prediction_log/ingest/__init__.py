"""Rows into the log: the writer, its journal on disk, and the mirror of the journal."""
