"""V2 REST in front of an InferenceGraph: the mean of several releases' answers. A separate program."""
