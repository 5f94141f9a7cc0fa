"""Drift detection: compare a window of the prediction log with the data that the release was tested on."""
