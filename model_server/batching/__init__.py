"""Admission and batching of waiting texts."""
