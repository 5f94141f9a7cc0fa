"""The server's settings: flags override the environment."""

import re
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, field_validator, model_validator

from model_server.console_log import LogFormat
from sentiment_common.http.settings import BodySettings

_ORIGIN = re.compile(r"^(\*|https?://[^/\s,]+)$")
Port = Annotated[int, Field(ge=1, le=65535)]
Device = Literal["auto", "cpu", "cuda"]
Dtype = Literal["auto", "bf16", "fp32"]


class ServerSettings(BodySettings):
    """Settings of the model server."""

    model_name: str = Field("sentiment", pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$")
    """The model's name in the protocols."""
    model_dir: Path = Path("/mnt/models")
    """The release: its root folder or its `serving/` folder."""
    release_id: str | None = Field(None, pattern=r"^[0-9a-f]{16}$")
    """The id that the release must have; the server refuses another."""
    variant: str | None = None
    """A variant of the release in place of its default one."""
    device: Device = "auto"
    """Device of the variant `torch`: `cuda`, `cpu`, or `auto` for CUDA if a card is available."""
    dtype: Dtype = "auto"
    """Precision of the variant `torch`: `bf16`, `fp32`, or `auto` for bf16 on CUDA and fp32 on a CPU."""
    hot_swap: bool = False
    """Offer V2's load and unload of the model, to keys with `admin`; needs `api_keys_file`."""
    releases_uri: str | None = None
    """The store whose releases a load may name, and which holds files of the variant that `model_dir` lacks."""
    host: str = "0.0.0.0"
    """Address to listen on."""
    http_port: Port = 8080
    """Port of REST."""
    grpc_port: Port = 8081
    """Port of gRPC."""
    engine_threads: int = Field(0, ge=0, le=1024)
    """Threads of the engine; 0 takes the CPU quota."""
    engine_streams: int = Field(1, ge=1, le=256)
    """Batches that run at once, with an equal part of the threads each; for load that never pauses."""
    max_batch_tokens: int = Field(512, ge=8)
    """Tokens in one batch, padding counted; a longer text runs alone."""
    max_queue_texts: int = Field(512, ge=1)
    """Texts that may wait; above it requests are refused at once."""
    max_wait_seconds: float = Field(5.0, gt=0, le=3600)
    """The longest wait to queue for, predicted from the measured drain rate; above it requests are refused at once."""
    max_texts: int = Field(256, ge=1)
    """Texts in one request."""
    max_text_bytes: int = Field(262_144, ge=1)
    """UTF-8 bytes of one text."""
    max_windows: int = Field(32, ge=1)
    """Windows of the release's tokens that one text may take with truncation `window`."""
    explain_passes: int = Field(64, ge=0, le=4096)
    """Passes of the engine that explaining one text may take, at least 2; 0 offers no explanations."""
    max_explained_texts: int = Field(8, ge=1)
    """Texts in one request that asks for explanations."""
    cache_answers: int = Field(0, ge=0, le=10_000_000)
    """Answers that are kept for identical texts (about 4 KB each); 0 computes every text."""
    grpc_min_ping_seconds: float = Field(0.5, ge=0.01, le=3600)
    """Least time between two pings of a gRPC client, within a call and without; a client that pings more often is
    disconnected with "Too many pings"."""
    grpc_keepalive_seconds: float = Field(30.0, ge=0.1, le=86_400)
    """Time between the server's pings to a silent gRPC client, in seconds."""
    grpc_keepalive_timeout_seconds: float = Field(20.0, ge=0.1, le=3600)
    """Time to answer such a ping, in seconds; otherwise the connection is closed and its calls are cancelled."""
    grpc_max_connections: int = Field(1000, ge=1, le=100_000)
    """gRPC connections at once; one more is closed before it is read."""
    grpc_max_streams: int = Field(100, ge=1, le=2_147_483_647)
    """Calls that one gRPC connection may have open; its client holds further ones back. Less than GRPC_MAX_CALLS, so
    that one client cannot take them all."""
    grpc_max_calls: int = Field(1000, ge=1, le=1_000_000)
    """gRPC calls at once, over all connections; one more ends with RESOURCE_EXHAUSTED before its message is read. A
    tenth of them may be Watch and reflection."""
    grpc_max_uploads: int = Field(32, ge=1, le=100_000)
    """Messages of ModelInfer that are received at once, of up to MAX_BODY_BYTES each; further calls wait for their
    turn. As many again of the other calls, which get 2 seconds, and a quarter as many of reflection."""
    grpc_max_metadata_bytes: int = Field(16_384, ge=1024, le=1_048_576)
    """Metadata of one gRPC call, each entry counted with 32 bytes more; a call with more ends with
    RESOURCE_EXHAUSTED."""
    database_url: str = "sqlite:///var/predictions.db"
    """The prediction log."""
    spill_dir: Path = Path("var/spill")
    """Folder for log rows that wait while the database is down; it must outlive the process."""
    spill_uri: str | None = None
    """Mirror of these rows, for a disk that ends with the pod: s3://bucket/prefix or a folder."""
    log_text: Literal["full", "hash"] = "full"
    """Keep the texts in the log, or only their hashes and descriptors."""
    access_log: bool = False
    """Write a line for each request to standard error, without its text."""
    log_format: LogFormat = "text"
    """Lines of standard error: `text`, or `json` for one object a line."""
    api_keys_file: Path | None = None
    """API keys (their hashes) and their limits, as docs/serving.md shows; without it the server is open."""
    tls_cert_file: Path | None = None
    """Certificate chain (PEM) of REST and gRPC; with `tls_key_file`."""
    tls_key_file: Path | None = None
    """Its private key (PEM)."""
    cors_origins: tuple[str, ...] = ()
    """Origins of pages that may call the REST interface, with commas between them; * for all."""
    connection_age_grace_seconds: float = Field(60.0, gt=0, le=3600)
    """Time that calls of a gRPC connection may still run once it has reached its age."""
    shutdown_delay_seconds: float = Field(0.0, ge=0, le=3600)
    """Time after SIGTERM in which the server still serves, with readiness off, until load balancers notice."""
    drain_seconds: float = Field(20.0, gt=0, le=3600)
    """Time that accepted requests may still run once the ports are closed."""

    @field_validator("explain_passes")
    @classmethod
    def _two_passes(cls, passes: int) -> int:
        if passes == 1:
            raise ValueError("one pass explains nothing; give 2 or more, or 0 for no explanations")
        return passes

    @field_validator("cors_origins", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        return tuple(part.strip() for part in value.split(",") if part.strip()) if isinstance(value, str) else value

    @field_validator("cors_origins")
    @classmethod
    def _are_origins(cls, origins: tuple[str, ...]) -> tuple[str, ...]:
        for origin in origins:
            if not _ORIGIN.match(origin):
                raise ValueError(f"{origin!r} is not an origin; give scheme://host[:port] without a path, or *")
        return origins

    @model_validator(mode="after")
    def _two_ports(self) -> Self:
        if self.http_port == self.grpc_port:
            raise ValueError(f"http_port and grpc_port are both {self.http_port}; give two ports")
        return self

    @model_validator(mode="after")
    def _guarded_swap(self) -> Self:
        if self.hot_swap and self.api_keys_file is None:
            raise ValueError("hot_swap lets requests change the model; it needs an api_keys_file with an admin's key")
        return self

    @model_validator(mode="after")
    def _whole_tls(self) -> Self:
        if (self.tls_cert_file is None) != (self.tls_key_file is None):
            raise ValueError("tls_cert_file and tls_key_file belong together; give both or none")
        return self
