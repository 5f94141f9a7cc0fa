"""gRPC: the servicer, its handlers and keys. Transports only translate."""
