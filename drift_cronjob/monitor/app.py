"""The monitor's HTTP interface: metrics, health, and read-only JSON that its pages are made from."""

from collections.abc import Callable
from typing import Any

from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from pydantic import BaseModel
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from drift_cronjob.monitor.exposition import registry
from drift_cronjob.monitor.figures import Database, DriftCheck, FeedbackAccuracy, Hour, JobState, Promotion, Release
from drift_cronjob.monitor.reports import ReportUnavailable, read_report
from drift_cronjob.monitor.watch import HOURS, Figures

LONGEST_LIST = 200


class Status(BaseModel):
    """What runs, and whether the monitor's sources can be read (`read_at`: Unix seconds of each one's last reading)."""

    champion: str | None
    last_check: DriftCheck | None
    feedback: FeedbackAccuracy | None
    jobs: list[JobState]
    database: Database | None
    up: dict[str, bool]
    read_at: dict[str, float]


class Checks(BaseModel):
    """Drift checks, the newest first."""

    checks: list[DriftCheck]


class Releases(BaseModel):
    """Releases and the audit trail of promotions, the newest first."""

    releases: list[Release]
    promotions: list[Promotion]


class Hours(BaseModel):
    """Hours with predictions, the oldest first."""

    hours: list[Hour]


def _number(request: Request, name: str, default: int, most: int) -> int:
    """A whole number from the query.

    Raises:
        ValueError: names the parameter and what would be right.
    """
    given = request.query_params.get(name, str(default))
    if not given.isascii() or not given.isdigit() or not 1 <= int(given) <= most:
        raise ValueError(f"{name} is {given!r}; give a whole number from 1 to {most}")
    return int(given)


def _shown(model: BaseModel) -> Response:
    return Response(model.model_dump_json(), media_type="application/json")


class Api:
    """The routes over the last figures."""

    def __init__(self, figures: Callable[[], Figures]) -> None:
        self._figures, self._registry = figures, registry(figures)

    async def metrics(self, _: Request) -> Response:
        return Response(generate_latest(self._registry), media_type=CONTENT_TYPE_LATEST)

    async def health(self, _: Request) -> Response:
        """200 while the process works: a source that is away is told by metrics, not by a restart."""
        return JSONResponse({"status": "ok", "up": self._figures().up})

    async def status(self, _: Request) -> Response:
        figures = self._figures()
        return _shown(
            Status(
                champion=figures.champion,
                last_check=figures.checks[0] if figures.checks else None,
                feedback=figures.feedback,
                jobs=figures.jobs,
                database=figures.database,
                up=figures.up,
                read_at=figures.read_at,
            )
        )

    async def drift(self, request: Request) -> Response:
        limit = _number(request, "limit", 50, LONGEST_LIST)
        return _shown(Checks(checks=self._figures().checks[:limit]))

    async def report(self, request: Request) -> Response:
        """The HTML report of a check that the log names; no other file can be asked for."""
        wanted = request.path_params["id"]
        check = next((one for one in self._figures().checks if one.id == wanted), None)
        if check is None or check.report_uri is None:
            return JSONResponse({"error": f"there is no report of a check {wanted}"}, 404)
        try:
            page = await run_in_threadpool(read_report, check.report_uri)
        except ReportUnavailable as error:
            return JSONResponse({"error": str(error)}, 503)
        # A report may only show what it brings: it needs no other host, and may not call this one.
        policy = "default-src 'none'; img-src data:; style-src 'unsafe-inline'; sandbox"
        return Response(page, media_type="text/html", headers={"Content-Security-Policy": policy})

    async def releases(self, _: Request) -> Response:
        figures = self._figures()
        return _shown(Releases(releases=figures.releases, promotions=figures.promotions))

    async def hourly(self, request: Request) -> Response:
        hours = _number(request, "hours", 24, HOURS)
        return _shown(Hours(hours=self._figures().hours[-hours:]))

    async def openapi(self, _: Request) -> Response:
        return JSONResponse(openapi())


_GET: dict[str, tuple[type[BaseModel], str, dict[str, int]]] = {
    "/api/status": (Status, "What runs now", {}),
    "/api/drift": (Checks, "Drift checks", {"limit": LONGEST_LIST}),
    "/api/releases": (Releases, "Releases and promotions", {}),
    "/api/hourly": (Hours, "Predictions by hour", {"hours": HOURS}),
}


def openapi() -> dict[str, Any]:
    """The OpenAPI 3.1 description of the JSON routes."""
    from pydantic.json_schema import models_json_schema

    _, schemas = models_json_schema(
        [(model, "serialization") for model, _, _ in _GET.values()], ref_template="#/components/schemas/{model}"
    )
    paths = {}
    for path, (model, summary, numbers) in _GET.items():
        parameters = [
            {"name": name, "in": "query", "schema": {"type": "integer", "minimum": 1, "maximum": most}}
            for name, most in numbers.items()
        ]
        content = {"application/json": {"schema": {"$ref": f"#/components/schemas/{model.__name__}"}}}
        responses = {"200": {"description": summary, "content": content}}
        paths[path] = {"get": {"summary": summary, "parameters": parameters, "responses": responses}}
    info = {"title": "sentiment monitor", "version": "1"}
    return {"openapi": "3.1.0", "info": info, "paths": paths, "components": {"schemas": schemas["$defs"]}}


async def _mistake(_: Request, error: Exception) -> Response:
    return JSONResponse({"error": str(error)}, 400)


def make_app(figures: Callable[[], Figures]) -> Starlette:
    """The application over whatever gives the last figures."""
    api = Api(figures)
    routes = [
        Route("/metrics", api.metrics),
        Route("/healthz", api.health),
        Route("/api/status", api.status),
        Route("/api/drift", api.drift),
        Route("/api/drift/{id:int}/report", api.report),
        Route("/api/releases", api.releases),
        Route("/api/hourly", api.hourly),
        Route("/api/openapi.json", api.openapi),
    ]
    return Starlette(routes=routes, exception_handlers={ValueError: _mistake})
