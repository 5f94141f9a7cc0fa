"""What `/health` answers."""

from pydantic import BaseModel

from model_server.lifecycle.phase import Phase
from prediction_log import WriterStats


class HealthAnswer(BaseModel):
    """Phase, release and log of one server process; `requests` and `errors` count from its start."""

    status: Phase
    model: str
    release_id: str | None
    variant: str | None
    version: str
    queue: int
    requests: int
    errors: int
    log: WriterStats
