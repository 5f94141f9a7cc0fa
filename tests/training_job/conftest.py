"""An S3 server for rows and feedback that stand in a store."""

from s3_server import s3_endpoint, s3_uri, store_uri

__all__ = ["s3_endpoint", "s3_uri", "store_uri"]
