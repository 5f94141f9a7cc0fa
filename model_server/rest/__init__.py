"""REST: routes, bodies, keys, documentation. Transports only translate."""
