"""Parts that several suites share: servers, stand-ins, inputs."""
