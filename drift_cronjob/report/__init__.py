"""The HTML report of a check: our own page, and Evidently's beside it."""
