"""The gRPC service's definition, and the protobuf module that `make protos` writes from it."""
