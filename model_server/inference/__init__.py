"""The data plane: validated texts in, logged and counted predictions out."""
