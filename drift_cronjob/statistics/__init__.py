"""Results of tests: p-values, thresholds, outcomes, the verdict, and their wording."""
