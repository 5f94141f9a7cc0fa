"""HTTP/1.1 as every server of ours speaks it: listening, settings and bounds, the protocol class, stopping."""
