"""Detectors: pure functions of arrays and a random generator; each says when it is valid and when it fails."""
