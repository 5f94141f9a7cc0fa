"""Contract 2: the prediction log. Its tables, its writer that never waits, and its readers."""

from prediction_log.database.size import database_size
from prediction_log.errors import InvalidFeedback, LogError, LogRefused, UnknownPrediction
from prediction_log.feedback import LabelledText, add_feedback, add_feedback_async, labelled_texts
from prediction_log.ingest.writer import LogWriter, WriterStats
from prediction_log.maintenance.migrate import upgrade
from prediction_log.maintenance.retention import maintain
from prediction_log.reader import Feedback, HourRow, Summary, Window, WindowReader
from prediction_log.record import PredictionRecord, new_id, time_of
from prediction_log.reports import DriftReportRow, RecordedReport, latest_reports, save_report, set_report_address

__all__ = [
    "DriftReportRow",
    "Feedback",
    "HourRow",
    "InvalidFeedback",
    "LabelledText",
    "LogError",
    "LogRefused",
    "LogWriter",
    "PredictionRecord",
    "RecordedReport",
    "Summary",
    "UnknownPrediction",
    "Window",
    "WindowReader",
    "WriterStats",
    "add_feedback",
    "add_feedback_async",
    "database_size",
    "labelled_texts",
    "latest_reports",
    "maintain",
    "new_id",
    "save_report",
    "set_report_address",
    "time_of",
    "upgrade",
]
