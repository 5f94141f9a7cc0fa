import { CartesianGrid, ErrorBar, ReferenceLine, Scatter, ScatterChart, Tooltip, XAxis, YAxis } from "recharts";
import type { Interval, Measured } from "../../api/monitor";
import { count, percent } from "../../lib/format";
import { metricRows } from "../../lib/metrics";
import { AXIS, Chart, GRID, TOOLTIP } from "../../ui/charts";
import { Card } from "../../ui/kit";

/** A share with its interval on a line from 0 to 100 %. */
function IntervalBar({ interval }: { interval: Interval }) {
  const at = (value: number): string => `${Math.min(100, Math.max(0, value * 100))}%`;
  return (
    <span aria-hidden className="bg-well relative mt-1.5 block h-2 rounded-full">
      <span
        className="bg-accent/40 absolute inset-y-0 rounded-full"
        style={{ left: at(interval.low), width: at(interval.high - interval.low) }}
      />
      <span className="bg-accent absolute -inset-y-1 w-1 -translate-x-1/2 rounded" style={{ left: at(interval.value) }} />
    </span>
  );
}

export function Metrics({ metrics }: { metrics: Record<string, Interval> }) {
  const rows = metricRows(metrics);
  if (!rows.length) return null;
  return (
    <Card title="Metrics on the test rows" note="Measured when the release was built, with 95 % intervals.">
      <ul className="grid gap-x-8 gap-y-3 lg:grid-cols-2">
        {rows.map(({ name, label, share, interval, show }) => (
          <li key={name}>
            <p className="flex justify-between gap-3 text-sm">
              <span>{label}</span>
              <span className="tabular-nums">
                <strong>{show(interval.value)}</strong>{" "}
                <span className="text-soft">
                  {show(interval.low)} to {show(interval.high)}
                </span>
              </span>
            </p>
            {share && <IntervalBar interval={interval} />}
          </li>
        ))}
      </ul>
    </Card>
  );
}

/** Accuracy by confidence. `error` is the calibration error of the card; without it the gap of the bins is shown. */
export function Reliability({ measured, error }: { measured: Measured; error?: number }) {
  const points = measured.reliability.map((bin) => ({
    confidence: bin.confidence,
    accuracy: bin.accuracy.value,
    error: [bin.accuracy.value - bin.accuracy.low, bin.accuracy.high - bin.accuracy.value],
    rows: bin.rows,
  }));
  const bins = points.reduce((sum, point) => sum + (point.rows / measured.rows) * Math.abs(point.accuracy - point.confidence), 0);
  const gap = error ?? bins;
  const points100 = `${(gap * 100).toFixed(1)} points`;
  const ticks = [0, 0.25, 0.5, 0.75, 1];
  const share = (value: unknown): string => percent(Number(value), 0);
  return (
    <Card
      title="Reliability"
      note={`Confidence and accuracy differ by ${points100} on average. The dots are ${count(measured.rows)} held-out texts, grouped by confidence. On the line, 90 % of the answers with a confidence of 90 % are correct.`}
    >
      <Chart label={`Reliability: confidence and accuracy differ by ${points100} on average`} height="h-72">
        <ScatterChart margin={{ top: 8, right: 12, bottom: 16, left: 0 }}>
          <CartesianGrid {...GRID} vertical />
          <XAxis type="number" dataKey="confidence" domain={[0.5, 1]} ticks={[0.5, 0.6, 0.7, 0.8, 0.9, 1]} tickFormatter={share} {...AXIS} label={{ value: "confidence", position: "bottom", offset: 0, fill: "var(--soft)", fontSize: 12 }} />
          <YAxis type="number" dataKey="accuracy" domain={[0, 1]} ticks={ticks} tickFormatter={share} width={56} {...AXIS} />
          <ReferenceLine segment={[{ x: 0.5, y: 0.5 }, { x: 1, y: 1 }]} stroke="var(--soft)" strokeDasharray="4 4" />
          <Tooltip {...TOOLTIP} formatter={(value, name) => [percent(Number(value)), name]} />
          <Scatter data={points} fill="var(--accent)" isAnimationActive={false}>
            <ErrorBar dataKey="error" direction="y" width={4} stroke="var(--accent)" isAnimationActive={false} />
          </Scatter>
        </ScatterChart>
      </Chart>
      <p className="text-soft text-sm">Accuracy by confidence, with 95 % intervals.</p>
    </Card>
  );
}

export function ConfusionMatrix({ measured }: { measured: Measured }) {
  const { true_negative: tn, false_positive: fp, false_negative: fn, true_positive: tp } = measured.confusion;
  const rows = [
    { name: "negative", cells: [tn, fp], right: 0 },
    { name: "positive", cells: [fn, tp], right: 1 },
  ];
  const { accuracy } = measured;
  return (
    <Card
      title="Confusion matrix"
      note={`${percent(accuracy.value)} correct on the reference sample (95 % interval ${percent(accuracy.low)} to ${percent(accuracy.high)})`}
    >
      <table className="w-full text-center">
        <thead>
          <tr className="text-soft text-sm">
            <th scope="col" className="p-2 text-left font-normal">True label</th>
            <th scope="col" className="p-2 font-normal">predicted negative</th>
            <th scope="col" className="p-2 font-normal">predicted positive</th>
          </tr>
        </thead>
        <tbody>
          {rows.map(({ name, cells, right }) => {
            const total = cells.reduce((sum, cell) => sum + cell, 0) || 1;
            return (
              <tr key={name}>
                <th scope="row" className="p-2 text-left font-medium">{name}</th>
                {cells.map((cell, column) => {
                  const share = cell / total;
                  const colour = column === right ? "var(--positive)" : "var(--negative)";
                  return (
                    <td key={column} className="p-1">
                      <span
                        className="block rounded-lg px-2 py-5"
                        style={{ background: `color-mix(in srgb, ${colour} ${Math.round(share * 35)}%, var(--well))` }}
                      >
                        <strong className="text-xl tabular-nums">{count(cell)}</strong>
                        <span className="block text-sm">{percent(share, 0)} of {name}</span>
                      </span>
                    </td>
                  );
                })}
              </tr>
            );
          })}
        </tbody>
      </table>
    </Card>
  );
}

export function Slices({ measured }: { measured: Measured }) {
  return (
    <Card title="By kind of text" note="Accuracy on parts of the reference sample; the line is its 95 % interval.">
      <ul className="grid gap-x-8 gap-y-3 lg:grid-cols-2">
        {measured.slices.map((slice) => (
          <li key={slice.name}>
            <p className="flex justify-between gap-3 text-sm">
              <span>
                {slice.name} <span className="text-soft">({count(slice.rows)})</span>
              </span>
              <span className="tabular-nums">
                <strong>{percent(slice.accuracy.value)}</strong>{" "}
                <span className="text-soft">
                  {percent(slice.accuracy.low, 0)} to {percent(slice.accuracy.high, 0)}
                </span>
              </span>
            </p>
            <IntervalBar interval={slice.accuracy} />
          </li>
        ))}
      </ul>
    </Card>
  );
}
