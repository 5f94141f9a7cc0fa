"""The page of `serve --ui`: its built files, and the servers that it asks, behind one address."""
