"""The commands with `--cluster`: Jobs of the chart, and an examination of the namespace."""
