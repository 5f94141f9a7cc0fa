"""The predictor: KServe's V2 protocol over REST and gRPC, and a friendly REST beside it, for one model release."""
