"""Promotion and rollback, and the rollout in a cluster."""
