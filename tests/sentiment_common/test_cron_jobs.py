from sentiment_common.cron_jobs import has_ended, job_from

CONTAINER = {
    "name": "c",
    "args": ["--help"],
    "env": [{"name": "KEPT", "value": "1"}, {"name": "REPLACED", "value": "1"}],
}
TEMPLATE = {"metadata": {"labels": {"a": "1"}}, "spec": {"template": {"spec": {"containers": [CONTAINER]}}}}
CRON_JOB = {"metadata": {"name": "nightly", "uid": "u"}, "spec": {"jobTemplate": TEMPLATE}}


def test_a_job_keeps_the_template_and_names_its_owner() -> None:
    job = job_from(CRON_JOB, "nightly-1", labels={"b": "2"})
    assert job["spec"] == TEMPLATE["spec"]
    assert (job["metadata"]["name"], job["metadata"]["labels"]) == ("nightly-1", {"a": "1", "b": "2"})
    assert job["metadata"]["ownerReferences"][0]["uid"] == "u"


def test_arguments_and_variables_replace_the_template_s_in_the_job_only() -> None:
    job = job_from(CRON_JOB, "nightly-1", arguments=["go"], environment={"REPLACED": "2"})
    (container,) = job["spec"]["template"]["spec"]["containers"]
    assert container["args"] == ["go"]
    assert [(variable["name"], variable["value"]) for variable in container["env"]] == [
        ("KEPT", "1"),
        ("REPLACED", "2"),
    ]
    assert CONTAINER["args"] == ["--help"]


def test_a_suspended_job_has_not_ended() -> None:
    assert not has_ended({"status": {"conditions": [{"type": "Suspended", "status": "True"}]}})
    assert has_ended({"status": {"conditions": [{"type": "Failed", "status": "True"}]}})
