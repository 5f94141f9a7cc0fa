"""The monitor's HTTP interface: metrics, health, and read-only JSON for the page."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from pydantic import BaseModel
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from drift_cronjob.monitor.card import Card
from drift_cronjob.monitor.details import Alert, Examples, Traffic
from drift_cronjob.monitor.exposition import registry
from drift_cronjob.monitor.figures import (
    Database,
    DriftCheck,
    FeedbackAccuracy,
    Hour,
    JobState,
    Promotion,
    Release,
    recent,
)
from drift_cronjob.monitor.reports import ReportUnavailable, page_uri, read_page
from drift_cronjob.monitor.watch import HOURS, Figures
from sentiment_common.http.routing import CanonicalPaths, route_without_redirects

LONGEST_LIST = 200
# A report may load nothing from any host and may not call this one; Evidently's page also needs its own scripts.
_POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'; sandbox"
_DRAWING_POLICY = (
    "default-src 'none'; img-src data: blob:; font-src data:; style-src 'unsafe-inline'; "
    "script-src 'unsafe-inline' 'unsafe-eval'; sandbox allow-scripts"
)


class Status(BaseModel):
    """Current state, and which of the monitor's sources can be read (`read_at`: Unix seconds of the last read).

    `alerts` is null without an Alertmanager.
    """

    champion: str | None
    last_check: DriftCheck | None
    feedback: FeedbackAccuracy | None
    jobs: list[JobState]
    database: Database | None
    traffic: Traffic | None
    alerts: list[Alert] | None
    up: dict[str, bool]
    read_at: dict[str, float]


class Checks(BaseModel):
    """Drift checks, newest first."""

    checks: list[DriftCheck]


class Releases(BaseModel):
    """Releases and the audit trail of promotions, newest first."""

    releases: list[Release]
    promotions: list[Promotion]


class Hours(BaseModel):
    """Hours with predictions, oldest first."""

    hours: list[Hour]


class ReleaseCard(BaseModel):
    """The champion's card; null before the first promotion, and until the card has been read."""

    card: Card | None


class NewTexts(BaseModel):
    """Texts of the last check's window that look new; null before the first check, and until they have been read."""

    examples: Examples | None


class Mistake(BaseModel):
    """Error message with a remedy."""

    error: str


def _number(request: Request, name: str, default: int, most: int) -> int:
    """Return a whole number from the query.

    Raises:
        ValueError: the value is not a whole number, or is out of range; the message names the parameter.
    """
    given = request.query_params.get(name, str(default))
    if not given.isascii() or not given.isdigit() or not 1 <= int(given) <= most:
        raise ValueError(f"{name} is {given!r}; give a whole number from 1 to {most}")
    return int(given)


def _shown(model: BaseModel) -> Response:
    return Response(model.model_dump_json(), media_type="application/json")


class Api:
    """Routes that answer from the last figures."""

    def __init__(self, figures: Callable[[], Figures]) -> None:
        self._figures, self._registry = figures, registry(figures)

    async def metrics(self, _: Request) -> Response:
        return Response(generate_latest(self._registry), media_type=CONTENT_TYPE_LATEST)

    async def health(self, _: Request) -> Response:
        """Answer 200 while the process works: an unavailable source is a matter of metrics, not of a restart."""
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
                traffic=figures.traffic,
                alerts=figures.alerts,
                up=figures.up,
                read_at=figures.read_at,
            )
        )

    async def drift(self, request: Request) -> Response:
        limit = _number(request, "limit", 50, LONGEST_LIST)
        return _shown(Checks(checks=self._figures().checks[:limit]))

    async def report(self, request: Request) -> Response:
        """Answer with the HTML report of a recorded check; no other file can be read."""
        wanted, page = request.path_params["id"], request.path_params["page"]
        check = next((one for one in self._figures().checks if one.id == wanted), None)
        uri = page_uri(check.report_uri, page) if check is not None and check.report_uri is not None else None
        if uri is None:
            return JSONResponse({"error": f"check {wanted} has no such page"}, 404)
        try:
            content = await run_in_threadpool(read_page, uri)
        except ReportUnavailable as error:
            return JSONResponse({"error": str(error)}, 503)
        policy = _DRAWING_POLICY if uri != (check and check.report_uri) else _POLICY
        headers = {"Content-Security-Policy": policy, "X-Content-Type-Options": "nosniff"}
        return Response(content, media_type="text/html", headers=headers)

    async def releases(self, _: Request) -> Response:
        figures = self._figures()
        return _shown(Releases(releases=figures.releases, promotions=figures.promotions))

    async def card(self, _: Request) -> Response:
        return _shown(ReleaseCard(card=self._figures().card))

    async def examples(self, _: Request) -> Response:
        return _shown(NewTexts(examples=self._figures().examples))

    async def hourly(self, request: Request) -> Response:
        hours = _number(request, "hours", 24, HOURS)
        return _shown(Hours(hours=recent(self._figures().hours, datetime.now(UTC), hours)))

    async def openapi(self, _: Request) -> Response:
        return JSONResponse(openapi())


_GET: dict[str, tuple[type[BaseModel], str, dict[str, int]]] = {
    "/api/status": (Status, "Current state", {}),
    "/api/drift": (Checks, "Drift checks", {"limit": LONGEST_LIST}),
    "/api/releases": (Releases, "Releases and promotions", {}),
    "/api/hourly": (Hours, "Predictions by hour", {"hours": HOURS}),
    "/api/card": (ReleaseCard, "The champion's card", {}),
    "/api/drift/examples": (NewTexts, "Texts that look new to the release", {}),
}


def _answer(description: str, content: dict[str, Any]) -> dict[str, Any]:
    return {"description": description, "content": content}


def _json(model: type[BaseModel]) -> dict[str, Any]:
    return {"application/json": {"schema": {"$ref": f"#/components/schemas/{model.__name__}"}}}


def openapi() -> dict[str, Any]:
    """Build the OpenAPI 3.1 description of the JSON routes and the reports."""
    from pydantic.json_schema import models_json_schema

    models: list[type[BaseModel]] = [*(model for model, _, _ in _GET.values()), Mistake]
    _, schemas = models_json_schema(
        [(model, "serialization") for model in models], ref_template="#/components/schemas/{model}"
    )
    paths: dict[str, Any] = {}
    for path, (model, summary, numbers) in _GET.items():
        parameters = [
            {"name": name, "in": "query", "schema": {"type": "integer", "minimum": 1, "maximum": most}}
            for name, most in numbers.items()
        ]
        answers = {"200": _answer(summary, _json(model))}
        if numbers:
            answers["400"] = _answer("A number that is not whole, or out of range", _json(Mistake))
        paths[path] = {"get": {"summary": summary, "parameters": parameters, "responses": answers}}
    paths["/api/drift/{id}/report"] = {
        "get": {
            "summary": "The HTML report of a check",
            "parameters": [{"name": "id", "in": "path", "required": True, "schema": {"type": "integer"}}],
            "responses": {
                "200": _answer("The page", {"text/html": {"schema": {"type": "string"}}}),
                "404": _answer("No such check, or it has no report", _json(Mistake)),
                "503": _answer("The report cannot be read at the moment", _json(Mistake)),
            },
        }
    }
    info = {"title": "sentiment monitor", "version": "1"}
    return {"openapi": "3.1.0", "info": info, "paths": paths, "components": {"schemas": schemas["$defs"]}}


async def _mistake(_: Request, error: Exception) -> Response:
    return JSONResponse({"error": str(error)}, 400)


def make_app(figures: Callable[[], Figures]) -> ASGIApp:
    """Build the application over a function that returns the last figures."""
    api = Api(figures)
    routes = [
        Route("/metrics", api.metrics),
        Route("/healthz", api.health),
        Route("/api/status", api.status),
        Route("/api/drift", api.drift),
        Route("/api/card", api.card),
        Route("/api/drift/examples", api.examples),
        Route("/api/drift/{id:int}/{page}", api.report),
        Route("/api/releases", api.releases),
        Route("/api/hourly", api.hourly),
        Route("/api/openapi.json", api.openapi),
    ]
    app = Starlette(routes=routes, exception_handlers={ValueError: _mistake})
    route_without_redirects(app)
    return CanonicalPaths(app)
