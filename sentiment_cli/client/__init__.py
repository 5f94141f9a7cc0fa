"""A small client of the model server: REST, gRPC and the messages on the wire."""
