"""gRPC: the servicer, its handlers and keys. This room only translates."""
