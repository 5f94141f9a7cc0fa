"""REST: routes, bodies, keys, documentation. This room only translates."""
