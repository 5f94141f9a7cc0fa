"""Upkeep of the tables: migration, day partitions, retention."""
