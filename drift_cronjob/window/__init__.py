"""Rows to compare: the reference sample and a window of the prediction log."""
