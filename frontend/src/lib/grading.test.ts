import { describe, expect, it } from "vitest";
import type { Status } from "../api/monitor";
import type { Health } from "../api/predict";
import { outcomeTone } from "./drift";
import { ago, bytes, milliseconds } from "./format";
import { gradeConfidence, gradeErrors, gradeP95, snapshot, worst } from "./grading";
import { fillHours } from "./hours";

describe("grades", () => {
  it("turns at the thresholds of `sentiment status`", () => {
    expect([0.801, 0.8, 0.6, 0.599, null].map(gradeConfidence)).toEqual(["green", "yellow", "yellow", "red", "unknown"]);
    expect([99, 100, 500, 501, null].map(gradeP95)).toEqual(["green", "yellow", "yellow", "red", "unknown"]);
    expect([[0, 0], [0, 9], [1, 100], [2, 100]].map(([e, r]) => gradeErrors(e!, r!))).toEqual(["unknown", "green", "yellow", "red"]);
  });

  it("gives the snapshot the grade of greatest concern", () => {
    const log = { lost: 0, journal_rows: 3, database_up: true, written: 4, queued: 0 } as Health["log"];
    const health = { status: "ready", release_id: "a", requests: 4, errors: 0, log } as Health;
    const status = { traffic: { mean_confidence: 0.9, p95_ms: 20 }, last_check: { verdict: "stable" }, up: { store: true } };
    const lines = snapshot(health, status as unknown as Status);
    expect(lines.find(({ name }) => name === "Prediction log")).toMatchObject({ grade: "yellow" });
    expect(worst(lines)).toBe("yellow");
    expect(worst(snapshot(null, null))).toBe("red");
    expect(worst(snapshot({ ...health, log: { ...log, journal_rows: 0 } }, status as unknown as Status))).toBe("green");
    const away = snapshot(health, { ...status, up: { store: false }, traffic: null } as unknown as Status);
    expect(away.at(-1)!.value).toBe("cannot read: store");
  });
});

describe("drift", () => {
  it("gives each outcome of a test a tone", () => {
    const outcomes = ["matters", "side evidence", "small", "too small to matter", "no difference"];
    expect(outcomes.map(outcomeTone)).toEqual(["bad", "warn", "warn", "plain", "plain"]);
  });
});

describe("hours", () => {
  it("fills those without predictions", () => {
    const now = Date.parse("2026-11-24T10:20:00Z");
    const rows = fillHours([{ hour: "2026-11-24T09:00:00+00:00", predictions: 5, average_confidence: 0.7 }], 3, now);
    expect(rows.map(({ predictions }) => predictions)).toEqual([0, 5, 0]);
    expect(rows.map(({ confidence }) => confidence)).toEqual([null, 0.7, null]);
  });
});

describe("format", () => {
  it("reads well at every size", () => {
    expect([0, 999, 1500, 365_000, 12_345_678].map(bytes)).toEqual(["0 B", "999 B", "1.5 kB", "365 kB", "12.3 MB"]);
    expect([0.42, 9.96, 42.4, 1500].map(milliseconds)).toEqual(["0.4 ms", "10.0 ms", "42 ms", "1.50 s"]);
    const now = Date.parse("2026-11-24T10:00:00Z");
    expect(["2026-11-24T09:59:30Z", "2026-11-24T09:58:00Z", "2026-11-23T09:00:00Z"].map((at) => ago(at, now))).toEqual([
      "just now", "2 minutes ago", "1 day ago",
    ]);
  });
});
