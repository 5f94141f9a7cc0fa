"""The whole stack on kind, from installation to removal: `make e2e`. Each step prints its findings; a failure ends the run.

TRAIN_DATA=rows.csv.gz   rows to train on (text,label); the project's own sample reviews unless given
E2E_KEEP=1               leave cluster and installation standing at the end, or where a step failed
E2E_RESULT=path.json     where the account goes (var/e2e/result.json)
"""

import os
import sys
from pathlib import Path

import faults
import steps
from commands import ROOT, Account, Failed, console, shown


def stack(account: Account) -> None:
    """Run the loop: install, train, promote, serve, log, watch, retrain."""
    with account.step("A cluster with KServe and our images"):
        steps.cluster()
    with account.step("Install the chart") as found:
        found.update(steps.install())
    with account.step("helm test: every edge, with each workload's own credentials"):
        shown("helm", "test", "sentiment", "--namespace", steps.NAMESPACE, "--timeout", "5m")
    with account.step("Train (quick, minilm) in a Job") as found:
        found.update(steps.train_first())
    with account.step("Promote: the first InferenceService") as found:
        found.update(steps.promote(steps.newest_release()))
    with account.step("200 V2 calls by REST and gRPC, and their rows in Postgres") as found:
        found.update(steps.serve_and_log())
    with account.step("The drift job on traffic like the training rows") as found:
        found.update(steps.drift_on_like_traffic())
    with account.step("The drift job on foreign traffic; it starts the next training once") as found:
        found.update(steps.drift_on_foreign_traffic())
    with account.step("Metrics in Prometheus, and every query of every dashboard") as found:
        found.update(steps.metrics_and_dashboards())
    with account.step("An alert reaches the webhook") as found:
        found.update(steps.alert_arrives())
    with account.step("The training pod is deleted; the Job resumes and ends with the same weights") as found:
        found.update(faults.training_pod_deleted())
    with account.step("make port-forward: the fixed ports answer") as found:
        found.update(steps.fixed_ports())


def under_load(account: Account) -> None:
    """Check that users of the Service do not notice a promotion, a lost pod, a lost database or an upgrade."""
    with account.step("Under load: a second release is promoted") as found:
        found.update(faults.promotion_under_load())
    with account.step("Under load: rollback") as found:
        found.update(faults.rollback_under_load())
    with account.step("Under load: a server pod is deleted") as found:
        found.update(faults.server_pod_deleted())
    with account.step("Under load: Postgres is gone for 60 s") as found:
        found.update(faults.postgres_gone())
    with account.step("Under load: helm upgrade changes a value") as found:
        found.update(faults.upgrade())
    with account.step("Pods, requests and resident memory") as found:
        found.update(steps.footprint())


def main() -> int:
    account, kept = Account(), os.environ.get("E2E_KEEP") == "1"
    result = Path(os.environ.get("E2E_RESULT", ROOT / "var/e2e/result.json"))
    try:
        stack(account)
        under_load(account)
        if not kept:
            with account.step("Uninstall leaves what it says it leaves") as found:
                found.update(steps.uninstall())
    except Failed as error:
        console.print(f"[bold red]failed[/]: {error}", markup=True)
        steps.tell_state()
        return 1
    finally:
        account.save(result)
        account.show()
        if not kept:
            shown("make", "kind-down", check=False)
    return 0


if __name__ == "__main__":
    sys.exit(main())
