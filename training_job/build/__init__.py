"""From a fitted network to a release folder."""
