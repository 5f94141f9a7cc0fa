"""The stores' S3 server."""

from s3_server import s3_endpoint, s3_uri, store_uri

__all__ = ["s3_endpoint", "s3_uri", "store_uri"]
