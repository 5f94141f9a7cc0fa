"""Between KServe's SDK and the data plane: tensors, errors and metrics of `model_server.kserve_model`."""
