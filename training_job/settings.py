"""Settings of a training, a search and a promotion, from the environment or the command line."""

import getpass
from pathlib import Path
from typing import Annotated, Literal, NamedTuple, Self

from pydantic import BeforeValidator, Field, model_validator

from model_release.manifest import Name, Truncation
from sentiment_common.addresses import without_password
from sentiment_common.settings import Settings

Mode = Literal["quick", "optimized", "full"]


class Preset(NamedTuple):
    """Values of a mode: training rows (None: all), passes over them, and the share of the base's learning rate.

    A rate that takes a network far in sixty steps makes a longer training forget and overfit.
    """

    rows: int | None
    passes: float
    rate_share: float


MODES: dict[Mode, Preset] = {
    "quick": Preset(1000, 1, 1.0),
    "optimized": Preset(5000, 3, 0.5),
    "full": Preset(None, 3, 0.5),
}


def _none_if_blank(value: object) -> object:
    return None if isinstance(value, str) and not value.strip() else value


OptionalText = Annotated[str | None, BeforeValidator(_none_if_blank)]


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container may run as a number that has no name
        return "unknown"


class PublishSettings(Settings):
    """Addresses of the releases and the runs."""

    releases_uri: str = Field("var/releases", validation_alias="RELEASES_URI", min_length=1)
    """The releases' address: a folder or `s3://bucket/prefix`."""
    mlflow_tracking_uri: str = Field("sqlite:///var/mlflow.db", validation_alias="MLFLOW_TRACKING_URI", min_length=1)
    """MLflow: a server's `http://…` or a database; `none` tracks nothing."""

    @property
    def registry_uri(self) -> str | None:
        """The MLflow of runs and aliases; None when MLFLOW_TRACKING_URI is `none`."""
        return None if self.mlflow_tracking_uri.lower() == "none" else self.mlflow_tracking_uri


class StoreSettings(PublishSettings):
    """The addresses, and the name of the model that is trained or promoted."""

    model_name: Name = Field("sentiment", validation_alias="MODEL_NAME")
    """The model's name in the store and in MLflow's registry."""


class PromotionSettings(StoreSettings):
    """A promotion or rollback, and the check before it."""

    who: str = Field(default_factory=_user, validation_alias="PROMOTED_BY", min_length=1)
    """Name in the audit trail; by default the name of this account."""
    cache_dir: Path | None = Field(None, validation_alias="CACHE_DIR")
    """Folder that the release is fetched to for its check; by default a temporary one."""
    threads: int = Field(0, validation_alias="TRAIN_THREADS", ge=0, le=1024)
    """Threads of the check; 0 means the CPU quota."""
    inference_service: str | None = Field(None, validation_alias="INFERENCE_SERVICE", min_length=1)
    """KServe's InferenceService that serves the champion; without it a promotion changes the store only."""
    inference_service_template: str = Field(
        "sentiment-inferenceservice", validation_alias="INFERENCE_SERVICE_TEMPLATE", min_length=1
    )
    """The ConfigMap that the InferenceService is first created from."""
    kube_namespace: str | None = Field(None, validation_alias="KUBE_NAMESPACE", min_length=1)
    """Namespace of both; by default that of the pod."""
    rollout_timeout_seconds: float = Field(600.0, validation_alias="ROLLOUT_TIMEOUT_SECONDS", gt=0, le=86_400)
    """Longest wait for new pods to become ready, after which the previous release is restored."""


class SearchSettings(StoreSettings):
    """The rows, the network, and the search for the settings of its training."""

    mode: Mode = Field("quick", validation_alias="TRAIN_MODE")
    """quick: 1,000 rows once; optimized: 5,000 rows three times; full: all rows three times."""
    train_data: str = Field(
        "hub:stanfordnlp/imdb", validation_alias="TRAIN_DATA", min_length=1, json_schema_extra={"option": "--train"}
    )
    """Rows to train on: a .csv, .csv.gz or .parquet with text and label, here or at `s3://…`, or `hub:NAME`."""
    test_data: OptionalText = Field(None, validation_alias="TEST_DATA", json_schema_extra={"option": "--test"})
    """Rows to measure on; by default a hub dataset's test part, or a fifth of TRAIN_DATA by the texts' hashes."""
    feedback: Literal["none", "mix"] = Field("none", validation_alias="FEEDBACK")
    """mix: labelled feedback, which a drift check wrote beside the releases, is added to the training rows."""
    text_column: str = Field("text", validation_alias="TEXT_COLUMN", min_length=1)
    """The column that holds the texts."""
    label_column: str = Field("label", validation_alias="LABEL_COLUMN", min_length=1)
    """The column that holds the labels: 0 or 1, negative or positive, neg or pos."""
    base_model: str = Field(
        "distilbert-base-uncased", validation_alias="BASE_MODEL", min_length=1, json_schema_extra={"option": "--base"}
    )
    """Network to start from: a DistilBERT (or BERT) of the hub or in a folder; `minilm` (needs no hub); `scratch` and
    `scratch-tiny` (random weights)."""
    max_tokens: int = Field(512, validation_alias="MAX_TOKENS", ge=8, le=512)
    """Tokens that a text is cut to, in training and serving."""
    truncation: Truncation = Field("head_tail", validation_alias="TRUNCATION")
    """Part that a longer text keeps: its head, or a quarter of the tokens from its head and the rest from its tail."""
    epochs: float | None = Field(None, validation_alias="EPOCHS", gt=0, le=1000)
    """Passes over the training rows, fractions allowed; by default the mode's."""
    train_rows: int | None = Field(None, validation_alias="TRAIN_ROWS", ge=2)
    """Training rows, with balanced classes; by default the mode's."""
    validation_rows: int = Field(1000, validation_alias="VALIDATION_ROWS", ge=2)
    """Limit of the rows that choose the best weights and the temperature. They come from a tenth of TRAIN_DATA that the
    texts' hashes hold out."""
    test_rows: int | None = Field(None, validation_alias="TEST_ROWS", ge=2)
    """Test rows to measure on, with balanced classes; by default all."""
    batch_size: int = Field(16, validation_alias="BATCH_SIZE", ge=1, le=4096)
    """Rows in an optimiser step."""
    learning_rate: float | None = Field(None, validation_alias="LEARNING_RATE", gt=0, le=1)
    """Peak of the learning rate; by default the base's, and half of it in the longer modes."""
    weight_decay: float = Field(0.01, validation_alias="WEIGHT_DECAY", ge=0, le=1)
    """AdamW's decay of the weight matrices."""
    warmup_share: float = Field(0.1, validation_alias="WARMUP_SHARE", ge=0, lt=1)
    """Share of the steps in which the learning rate rises; it falls to 0 in the other steps."""
    clip_norm: float = Field(1.0, validation_alias="CLIP_NORM", gt=0)
    """Largest norm of the gradient; a larger gradient is scaled down to it."""
    seed: int = Field(0, validation_alias="SEED", ge=0, lt=2**31)
    """Seed of the order of rows, the new weights and dropout; the split into parts does not depend on it."""
    precision: Literal["auto", "bf16", "fp32"] = Field("auto", validation_alias="PRECISION")
    """Precision of matrix products; auto is bf16 where the CPU has instructions for it."""
    threads: int = Field(0, validation_alias="TRAIN_THREADS", ge=0, le=1024)
    """CPU threads; 0 means the CPU quota."""
    mlflow_experiment: str = Field("sentiment", validation_alias="MLFLOW_EXPERIMENT", min_length=1)
    """The MLflow experiment of the runs."""
    n_trials: int = Field(20, validation_alias="N_TRIALS", ge=1, le=100_000)
    """Total trials of the study, including those of earlier calls and of other workers."""
    study_name: OptionalText = Field(None, validation_alias="STUDY_NAME", min_length=1)
    """Name of the search; by default made of base, rows and data, so that the same command resumes it."""
    study_uri: str = Field("sqlite:///var/optuna.db", validation_alias="STUDY_URI", min_length=1)
    """The database of searches."""

    @model_validator(mode="after")
    def _test_differs(self) -> Self:
        if self.test_data == self.train_data and not self.train_data.startswith("hub:"):
            raise ValueError(
                f"TRAIN_DATA and TEST_DATA are the same file {self.train_data!r}; unset TEST_DATA to hold out a fifth "
                "of it for the test"
            )
        return self

    @property
    def rows(self) -> int | None:
        """Limit of the training rows; None: all."""
        return self.train_rows or MODES[self.mode].rows

    @property
    def passes(self) -> float:
        """Passes over the training rows."""
        return self.epochs or MODES[self.mode].passes

    @property
    def columns(self) -> tuple[str, str]:
        """The names of the text and the label column."""
        return self.text_column, self.label_column

    def public(self) -> dict[str, str | int | float | bool | None]:
        """Return every setting by name, without passwords, for an MLflow run and a release's facts."""
        values = self.model_dump(mode="json")
        return {name: without_password(value) if isinstance(value, str) else value for name, value in values.items()}


class TrainSettings(SearchSettings):
    """A training, and the search that may come before it."""

    work_dir: Path = Field(Path("var/train"), validation_alias="WORK_DIR")
    """Folder in which a release is built before it is published."""
    checkpoint_dir: Path | None = Field(None, validation_alias="CHECKPOINT_DIR")
    """Folder of checkpoints, from which an interrupted training resumes; it must outlive the process. Unset: none."""
    checkpoint_steps: int = Field(100, validation_alias="CHECKPOINT_STEPS", ge=1)
    """Optimiser steps from one checkpoint to the next."""
    auto_promote: bool = Field(False, validation_alias="AUTO_PROMOTE")
    """Promote the release unless it is measurably worse than the champion on test rows that are new to both."""
    git_commit: OptionalText = Field(None, validation_alias="GIT_COMMIT")
    """Commit of this code; by default read from git."""
    optimize: bool = Field(False, validation_alias="OPTIMIZE")
    """Search for learning rate, batch size, epochs, warm-up and weight decay first, then train with the best."""
