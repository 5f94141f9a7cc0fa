"""Connections to Postgres and SQLite: addresses, transactions, time limits."""
