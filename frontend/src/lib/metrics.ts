// Labels of a model card's metrics, in the page's order.
import type { Interval } from "../api/monitor";
import { percent } from "./format";

const SHARES: Record<string, string> = {
  accuracy: "Accuracy",
  balanced_accuracy: "Balanced accuracy",
  constant_accuracy: "Accuracy of a constant answer",
  f1: "F1 of positive",
  baseline_accuracy: "Accuracy of TF-IDF",
  baseline_f1: "F1 of TF-IDF",
  int8_agreement: "int8 and fp32 agree",
};

const NUMBERS: Record<string, string> = {
  ece_after: "Calibration error",
  ece_before: "Calibration error before the temperature",
  brier: "Brier score",
  nll: "Negative log likelihood",
  int8_accuracy_difference: "Accuracy of int8 less that of fp32",
};

const ORDER = [...Object.keys(SHARES), ...Object.keys(NUMBERS)];

export interface MetricRow {
  name: string;
  label: string;
  share: boolean;
  interval: Interval;
  show: (value: number) => string;
}

/** Shares of 0 to 100 % first, then the other figures; one without a label stands last under its own name. */
export function metricRows(metrics: Record<string, Interval>): MetricRow[] {
  const place = (name: string): number => (ORDER.includes(name) ? ORDER.indexOf(name) : ORDER.length);
  return Object.entries(metrics)
    .sort(([one], [other]) => place(one) - place(other))
    .map(([name, interval]) => {
      const share = name in SHARES;
      return {
        name,
        label: SHARES[name] ?? NUMBERS[name] ?? name.replaceAll("_", " "),
        share,
        interval,
        show: (value) => (share ? percent(value) : value.toFixed(4)),
      };
    });
}
