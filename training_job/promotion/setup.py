"""Promoters made from settings."""

from model_release import ReleaseStore
from training_job.promotion.kserve import cluster_of
from training_job.promotion.promote import Promoter
from training_job.settings import PromotionSettings, TrainSettings

AUTOMATIC = "auto-promotion"


def make_promoter(settings: PromotionSettings) -> Promoter:
    """Make the promoter of these settings.

    Raises:
        RolloutError: INFERENCE_SERVICE is set, and no cluster can be reached.
    """
    return Promoter(
        ReleaseStore(settings.releases_uri),
        settings.model_name,
        settings.who,
        settings.registry_uri,
        settings.cache_dir,
        settings.threads,
        cluster_of(settings),
    )


def promoter_after(training: TrainSettings) -> Promoter:
    """Make the promoter that AUTO_PROMOTE uses after a training, with the environment's settings of `promote`.

    Call it before the training, so that wrong settings are found before the work.

    Raises:
        pydantic.ValidationError: an environment variable of the promotion is invalid.
        RolloutError: as `make_promoter`.
    """
    shared = ("releases_uri", "model_name", "mlflow_tracking_uri", "threads")
    settings = PromotionSettings(**{name: getattr(training, name) for name in shared})
    if "who" not in settings.model_fields_set:
        settings = settings.model_copy(update={"who": AUTOMATIC})
    return make_promoter(settings)
