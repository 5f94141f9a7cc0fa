"""The whole loop on one machine: each program is a process of its own, as in production."""
