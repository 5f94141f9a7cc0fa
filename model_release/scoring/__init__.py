"""Computation of answers: texts, tokens, engine, calibrated scores."""
