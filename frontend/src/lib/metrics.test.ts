import { expect, test } from "vitest";
import { metricRows } from "./metrics";

const interval = { value: 0.5, low: 0.4, high: 0.6 };

test("figures have names in words, shares first", () => {
  const names = ["accuracy", "brier", "ece_after", "ece_before", "f1", "int8_accuracy_difference", "nll", "own_figure"];
  const rows = metricRows(Object.fromEntries(names.map((name) => [name, interval])));
  expect(rows.map(({ label }) => label)).toEqual([
    "Accuracy",
    "F1 of positive",
    "Calibration error",
    "Calibration error before the temperature",
    "Brier score",
    "Negative log likelihood",
    "Accuracy of int8 less that of fp32",
    "own figure",
  ]);
  expect(rows.map(({ share }) => share)).toEqual([true, true, false, false, false, false, false, false]);
});

test("shares are shown in per cent, other figures as they are", () => {
  const [accuracy, brier] = metricRows({ brier: interval, accuracy: interval });
  expect([accuracy?.show(0.5), brier?.show(0.0613)]).toEqual(["50.0 %", "0.0613"]);
});
