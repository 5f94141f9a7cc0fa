// Health grades, by the same thresholds as `sentiment status`.
import type { Check, Status } from "../api/monitor";
import type { Health } from "../api/predict";
import type { Tone } from "../ui/kit";
import { count, milliseconds, percent } from "./format";

export type Grade = "green" | "yellow" | "red" | "unknown";

export interface Line {
  name: string;
  value: string;
  grade: Grade;
  remedy?: string;
}

export const TONES: Record<Grade, Tone> = { green: "good", yellow: "warn", red: "bad", unknown: "plain" };
export const WORDS: Record<Grade, string> = {
  green: "healthy",
  yellow: "attention",
  red: "unhealthy",
  unknown: "no data",
};
const CONCERN: Grade[] = ["unknown", "green", "yellow", "red"];

export function worst(lines: Line[]): Grade {
  return lines.reduce<Grade>((now, { grade }) => (CONCERN.indexOf(grade) > CONCERN.indexOf(now) ? grade : now), "unknown");
}

export function gradeConfidence(mean: number | null): Grade {
  if (mean === null) return "unknown";
  return mean > 0.8 ? "green" : mean >= 0.6 ? "yellow" : "red";
}

export function gradeP95(value: number | null): Grade {
  if (value === null) return "unknown";
  return value < 100 ? "green" : value <= 500 ? "yellow" : "red";
}

export function gradeErrors(errors: number, requests: number): Grade {
  if (requests <= 0) return "unknown";
  if (errors <= 0) return "green";
  return errors / requests <= 0.01 ? "yellow" : "red";
}

export function gradeLog(log: Health["log"]): Grade {
  if (log.lost > 0) return "red";
  return log.journal_rows > 0 || !log.database_up ? "yellow" : "green";
}

export function gradeVerdict(verdict: string | undefined): Grade {
  const known: Record<string, Grade> = { stable: "green", warning: "yellow", drift: "red" };
  return known[verdict ?? ""] ?? "unknown";
}

function serverLines(health: Health | null): Line[] {
  if (!health) return [{ name: "Model", value: "not reachable", grade: "red", remedy: "Start it: `sentiment serve`" }];
  const { log, requests, errors } = health;
  const ready = health.status === "ready";
  return [
    {
      name: "Model",
      value: ready ? `release ${health.release_id ?? "unknown"}` : `not ready: ${health.status}`,
      grade: ready ? "green" : "red",
      remedy: "Wait a moment, or read the server's log",
    },
    {
      name: "Errors",
      value: requests ? `${count(errors)} of ${count(requests)} requests` : "no request yet",
      grade: gradeErrors(errors, requests),
      remedy: "Read the server's log",
    },
    {
      name: "Prediction log",
      value: `${count(log.written)} written, ${count(log.journal_rows)} waiting, ${count(log.lost)} lost`,
      grade: gradeLog(log),
      remedy: log.lost ? "Rows were lost: read docs/runbooks/SentimentLogRowsLost.md" : "Restore the database; rows wait for it",
    },
  ];
}

function driftLine(check: Check | null): Line {
  return {
    name: "Drift",
    value: check ? check.verdict : "never checked",
    grade: gradeVerdict(check?.verdict),
    remedy: check ? check.reason : "Run a check: `sentiment drift check`",
  };
}

/** The snapshot's lines, each with its grade and a remedy. */
export function snapshot(health: Health | null, status: Status | null): Line[] {
  const lines = serverLines(health);
  if (!status) return lines;
  const traffic = status.traffic;
  lines.push(
    {
      name: "Confidence",
      value: traffic?.mean_confidence != null ? `${percent(traffic.mean_confidence)} on average` : "no prediction yet",
      grade: gradeConfidence(traffic?.mean_confidence ?? null),
      remedy: "Texts may be of a new kind: see the page Drift",
    },
    {
      name: "Latency",
      value: traffic?.p95_ms != null ? `p95 ${milliseconds(traffic.p95_ms)}` : "no prediction yet",
      grade: gradeP95(traffic?.p95_ms ?? null),
      remedy: "Add replicas, or threads",
    },
    driftLine(status.last_check),
  );
  const away = Object.entries(status.up).filter(([, up]) => !up).map(([name]) => name);
  lines.push({
    name: "Monitor",
    value: away.length ? `cannot read: ${away.join(", ")}` : "reads all its sources",
    grade: away.length ? "yellow" : "green",
    remedy: "Figures of that source are from its last reading",
  });
  return lines;
}
