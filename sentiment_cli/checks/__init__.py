"""What `sentiment doctor` looks at: small functions, each giving one `Check`."""
