"""`python -m training_job`: train, search, publish, promote, roll back.

A setting is an option and an environment variable.
"""

from pathlib import Path
from typing import Annotated

import typer

from training_job.options import with_settings
from training_job.settings import PromotionSettings, PublishSettings, SearchSettings, TrainSettings

app = typer.Typer(no_args_is_help=True, help="Train a sentiment model and release it.", pretty_exceptions_enable=False)


@app.command()
@with_settings(TrainSettings)
def train(settings: TrainSettings) -> None:
    """Train a model, measure it, and publish it as a release.

    The release becomes the challenger; `promote` (or `--auto-promote`, if it is no worse) makes it the champion that is
    served. An option overrides the environment variable in brackets behind its description; the default follows it.
    """
    from training_job.pipeline import train as run_training
    from training_job.progress import Progress
    from training_job.promotion.setup import promoter_after
    from training_job.show import show_outcome

    promoter = promoter_after(settings) if settings.auto_promote else None
    with Progress() as progress:
        outcome = run_training(settings, progress, promoter)
    show_outcome(outcome)
    if outcome.promotion_problem:
        raise outcome.promotion_problem


@app.command()
@with_settings(SearchSettings)
def search(settings: SearchSettings) -> None:
    """Search for good training settings, without a release.

    Run trials until the study has N_TRIALS. The same command resumes a search that was stopped. `train --optimize`
    searches too, and then trains with the best settings.
    """
    from training_job.pipeline import search as run_search
    from training_job.progress import Progress
    from training_job.show import show_search

    with Progress() as progress:
        outcome = run_search(settings, progress)
    show_search(outcome)


@app.command()
@with_settings(PublishSettings)
def publish(
    settings: PublishSettings,
    folder: Annotated[Path, typer.Argument(help="Folder of a finished release.", metavar="FOLDER")],
) -> None:
    """Publish a finished release that a training kept in WORK_DIR because the store failed."""
    from training_job.publish import publish as run
    from training_job.show import show_publication

    show_publication(run(settings, folder))


@app.command()
@with_settings(PromotionSettings)
def promote(
    settings: PromotionSettings,
    release_id: Annotated[str, typer.Argument(help="Id of the release, or its first digits.", metavar="ID")],
) -> None:
    """Make a release the champion after checking that it loads and gives the answers recorded with it."""
    from training_job.promotion.setup import make_promoter
    from training_job.show import show_promotion

    show_promotion(make_promoter(settings).promote(release_id))


@app.command()
@with_settings(PromotionSettings)
def rollback(settings: PromotionSettings) -> None:
    """Make the previous champion the champion again; each further rollback goes one release further back."""
    from training_job.promotion.setup import make_promoter
    from training_job.show import show_promotion

    show_promotion(make_promoter(settings).rollback())
