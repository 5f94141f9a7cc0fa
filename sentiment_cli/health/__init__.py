"""Health of a running server: its figures, their grades, and the snapshot made of both."""
