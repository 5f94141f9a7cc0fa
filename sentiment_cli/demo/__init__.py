"""The whole loop on one machine: each program is a separate process, as in production."""
