"""Checks of `sentiment doctor`: small functions that each return one `Check`."""
