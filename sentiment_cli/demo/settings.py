"""Settings of `sentiment demo`, from the environment or options."""

from pathlib import Path
from typing import Literal, Self

from pydantic import Field, field_validator, model_validator

from sentiment_common.settings import Settings

OWN_REVIEWS = Path(__file__).resolve().parents[2] / "training_job" / "sample_reviews.csv"
OWN_FOREIGN = Path(__file__).resolve().parents[1] / "demo_data" / "foreign.csv"


class DemoSettings(Settings):
    """Settings of the demo."""

    train_data: str | None = Field(None, validation_alias="TRAIN_DATA")
    """CSV or Parquet with text,label (or hub:NAME); the repository's own reviews by default."""
    test_data: str | None = Field(None, validation_alias="TEST_DATA")
    """The same for the held-out rows; without it, TRAIN_DATA is split."""
    foreign_data: str = Field(str(OWN_FOREIGN), validation_alias="FOREIGN_DATA")
    """Rows of another kind, which the drift check must detect."""
    text_column: str = Field("text", validation_alias="TEXT_COLUMN", min_length=1)
    """The column of the texts in TRAIN_DATA and TEST_DATA."""
    label_column: str = Field("label", validation_alias="LABEL_COLUMN", min_length=1)
    """The column of the labels in TRAIN_DATA and TEST_DATA."""
    base_model: str = Field("minilm", validation_alias="BASE_MODEL", min_length=1)
    """The network that training starts from."""
    mode: Literal["quick", "optimized", "full"] | None = Field(None, validation_alias="DEMO_MODE")
    """Training mode; by default quick for TRAIN_DATA and full for the repository's own reviews."""
    epochs: float | None = Field(None, validation_alias="EPOCHS", gt=0)
    """Passes over the training rows; by default the mode's (more for the repository's few reviews)."""
    max_tokens: int = Field(256, validation_alias="MAX_TOKENS", ge=8, le=512)
    """Tokens at which a text is truncated."""
    test_rows: int = Field(2000, validation_alias="DEMO_TEST_ROWS", ge=100)
    """Maximum of held-out rows for evaluation and the drift reference."""
    like_rows: int = Field(300, validation_alias="DEMO_LIKE_ROWS", ge=100)
    """Held-out rows to send as traffic of the release's own kind."""
    foreign_rows: int = Field(250, validation_alias="DEMO_FOREIGN_ROWS", ge=100)
    """Foreign rows to send afterwards."""
    threads: int = Field(4, validation_alias="DEMO_THREADS", ge=1, le=64)
    """Threads that send requests."""
    folder: Path = Field(Path("var/demo"), validation_alias="DEMO_DIR")
    """Folder for all files of the demo."""
    seed: int = Field(0, validation_alias="SEED", ge=0)
    """Seed of the split, the training and the drift checks."""
    http_port: int | None = Field(None, validation_alias="DEMO_HTTP_PORT", ge=1, le=65535)
    """REST port of the demo's server; by default a free one."""
    grpc_port: int | None = Field(None, validation_alias="DEMO_GRPC_PORT", ge=1, le=65535)
    """gRPC port of the demo's server; by default a free one."""

    @field_validator("train_data", "test_data", mode="before")
    @classmethod
    def _blank_as_missing(cls, value: object) -> object:
        return None if isinstance(value, str) and not value.strip() else value

    @model_validator(mode="after")
    def _test_needs_train(self) -> Self:
        if self.test_data and not self.train_data:
            raise ValueError("TEST_DATA is given without TRAIN_DATA; give both, or TRAIN_DATA alone to have it split")
        return self

    @property
    def own_reviews(self) -> bool:
        """Whether the demo runs on the repository's own reviews."""
        return self.train_data is None
