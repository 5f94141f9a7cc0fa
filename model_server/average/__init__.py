"""V2 REST in front of an InferenceGraph: the mean of several releases' answers. A program of its own."""
