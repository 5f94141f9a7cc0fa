"""Steps after a verdict: start a training, export feedback, remove old files."""
