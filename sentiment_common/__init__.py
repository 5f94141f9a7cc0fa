"""Parts that every program needs and no contract holds; nothing here knows a release, a prediction or a label."""
