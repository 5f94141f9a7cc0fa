"""Drift detection: one window of the prediction log against what the release was tested on."""
