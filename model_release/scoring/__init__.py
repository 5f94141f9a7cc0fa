"""How answers are computed: texts, tokens, engine, calibrated scores."""
