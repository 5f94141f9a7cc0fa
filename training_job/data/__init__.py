"""Labelled rows: files, hub, feedback, and the split."""
