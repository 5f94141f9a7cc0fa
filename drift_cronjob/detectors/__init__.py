"""Detectors: pure functions of arrays and a random generator, each with its assumptions and limits."""
