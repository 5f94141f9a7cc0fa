"""The whole loop on one machine, with real parts: each program is a process of its own, as it is in production."""
