"""Releases in the process: state, loading, switching, unloading."""
