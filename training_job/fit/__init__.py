"""From rows and settings to a fitted network."""
