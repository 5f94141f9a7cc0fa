import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sentiment_cli.health.metrics import ServerMetrics, histogram_quantile, read_metrics

TEXT = """\
# HELP ml_predictions_total Texts answered
# TYPE ml_predictions_total counter
ml_predictions_total{sentiment="negative"} 30.0
ml_predictions_total{sentiment="positive"} 70.0
# TYPE ml_requests_total counter
ml_requests_total{route="v2-rest"} 40.0
ml_requests_total{route="v2-grpc"} 60.0
# TYPE ml_errors_total counter
ml_errors_total{route="v2-rest"} 1.0
ml_errors_total{route="v2-grpc"} 0.0
# TYPE ml_confidence_score gauge
ml_confidence_score 0.875
# TYPE ml_prediction_duration_seconds histogram
ml_prediction_duration_seconds_bucket{le="0.05"} 90.0
ml_prediction_duration_seconds_bucket{le="0.1"} 100.0
ml_prediction_duration_seconds_bucket{le="+Inf"} 100.0
ml_prediction_duration_seconds_count 100.0
ml_prediction_duration_seconds_sum 3.0
# TYPE process_open_fds gauge
process_open_fds 12.0
"""


def test_the_servers_figures_are_read():
    found = read_metrics(TEXT)
    assert found.by_label == {"negative": 30, "positive": 70}
    assert (found.predictions, found.requests, found.errors) == (100, 100, 1)
    assert found.mean_confidence == 0.875
    assert found.p95_ms == pytest.approx(75)


def test_before_the_first_prediction_there_is_no_mean():
    found = read_metrics("# TYPE ml_confidence_score gauge\nml_confidence_score 0.0\n")
    assert found == ServerMetrics()
    assert found.p95_ms is None


def test_a_page_is_no_metrics():
    with pytest.raises(ValueError, match=r".*"):
        read_metrics("<html>hello there</html>\n")


@settings(max_examples=40)
@given(st.lists(st.integers(0, 50), min_size=2, max_size=6), st.floats(0.01, 0.99))
def test_a_quantile_lies_in_the_bucket_that_holds_its_rank(counts, share):
    bounds = [float(number + 1) for number in range(len(counts) - 1)] + [float("inf")]
    cumulative = [float(sum(counts[: index + 1])) for index in range(len(counts))]
    value = histogram_quantile(share, tuple(zip(bounds, cumulative, strict=True)))
    if not sum(counts):
        assert value is None
        return
    index = next(i for i, count in enumerate(cumulative) if count >= share * cumulative[-1])
    low = bounds[index - 1] if index else 0.0
    assert value is not None
    assert low <= value <= min(bounds[index], bounds[-2])
