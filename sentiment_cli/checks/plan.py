"""The checks of `doctor`, their order, and their dependencies."""

from functools import cache
from pathlib import Path

from sentiment_cli.checks import machine, server, services
from sentiment_cli.checks.check import Check, Probe, skip
from sentiment_cli.health.snapshot import ServerView, own_releases, view_server
from sentiment_cli.settings import CliSettings

DOWN = "the server does not answer (see server)"


class Plan:
    """The checks of one run. The server is queried once; checks that need it are skipped where it does not answer."""

    def __init__(self, settings: CliSettings, url: str, grpc_target: str) -> None:
        self.settings, self.url, self.grpc_target = settings, url, grpc_target
        self.view = cache(self._view)

    def _view(self) -> ServerView:
        return view_server(self.url)

    def _champion_id(self) -> str | None:
        from model_release import ReleaseError, ReleaseStore

        try:
            champion = ReleaseStore(self.settings.releases_uri).champion(self.settings.model_name)
        except ReleaseError:  # the check of the releases reports this
            return None
        return champion.id if champion else None

    def _golden(self, transport: str) -> Check:
        from model_release import ReleaseError, ReleaseStore
        from model_release.folder import ReleaseFolder

        name, view, settings = f"answers by {transport}", self.view(), self.settings
        if view.problem is not None or not view.ready or view.release_id is None:
            return skip(name, DOWN)
        try:
            store = ReleaseStore(settings.releases_uri)
            folder = store.fetch(settings.model_name, view.release_id, settings.cache_dir, ("serving/golden.json",))
        except ReleaseError as error:
            return skip(name, f"no golden answers to compare with: {error}")
        golden = ReleaseFolder(folder).golden
        return server.check_golden(transport, view, self.grpc_target, golden, settings.model_name)

    def _arrival(self) -> Check:
        if self.view().problem is not None or not self.view().ready:
            return skip("log rows arrive", DOWN)
        return server.check_arrival(self.view(), self.settings.database_url, self.settings.model_name)

    def _drift_age(self) -> Check:
        settings = self.settings
        releases = own_releases(settings.releases_uri, settings.model_name)
        return server.check_drift_age(settings.database_url, releases)

    def probes(self) -> list[tuple[str, Probe]]:
        """Return names and functions, in the order in which a person would look."""
        settings, state = self.settings, Path("var")
        return [
            ("python", machine.check_python),
            ("packages", machine.check_packages),
            ("openvino", machine.check_openvino),
            ("torch", machine.check_torch),
            ("disk", lambda: machine.check_disk(state)),
            ("memory", machine.check_memory),
            ("state folder", lambda: machine.check_writable(state)),
            ("releases", lambda: services.check_releases(settings.releases_uri, settings.model_name)),
            ("champion's files", lambda: services.check_champion_files(settings.releases_uri, settings.model_name)),
            ("database", lambda: services.check_database(settings.database_url)),
            ("mlflow", lambda: services.check_mlflow(settings.mlflow_tracking_uri)),
            ("REST port", lambda: server.check_http_port(self.view())),
            ("gRPC port", lambda: server.check_grpc_port(self.grpc_target, self.view())),
            ("server", lambda: server.check_server(self.view(), self._champion_id)),
            ("answers by rest-json", lambda: self._golden("rest-json")),
            ("answers by grpc", lambda: self._golden("grpc")),
            ("log rows arrive", self._arrival),
            ("spill journal", lambda: server.check_spill(self.view(), settings.spill_dir)),
            ("drift check", self._drift_age),
        ]
