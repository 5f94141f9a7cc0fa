"""Results of tests: p-values, thresholds, verdict, wording. Plain numbers only."""
