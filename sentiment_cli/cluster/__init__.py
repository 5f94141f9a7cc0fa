"""What the commands do with `--cluster`: Jobs of the chart, and a look at the namespace."""
