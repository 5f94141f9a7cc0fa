import { Bar, BarChart, CartesianGrid, Line, LineChart, ReferenceLine, Tooltip, XAxis, YAxis } from "recharts";
import type { Hour } from "../../api/monitor";
import { count, percent } from "../../lib/format";
import { fillHours } from "../../lib/hours";
import { AXIS, Chart, GRID, TOOLTIP } from "../../ui/charts";
import { Card } from "../../ui/kit";

const MARGIN = { top: 8, right: 8, bottom: 0, left: -12 };

/** Predictions and average confidence by hour, in the reader's time. */
export function HourlyCharts({ hours }: { hours: Hour[] }) {
  const rows = fillHours(hours, 24);
  const busiest = rows.reduce((most, row) => (row.predictions > most.predictions ? row : most), rows[0]!);
  if (!busiest.predictions) return null;
  const known = rows.filter((row) => row.confidence !== null);
  const lowest = Math.min(...known.map((row) => row.confidence!));
  return (
    <div className="grid gap-4 lg:grid-cols-2">
      <Card title="Predictions by hour" note={`Most at ${busiest.name}: ${count(busiest.predictions)}`}>
        <Chart label={`Predictions by hour of the last day; most at ${busiest.name}, ${busiest.predictions}`}>
          <BarChart data={rows} margin={MARGIN}>
            <CartesianGrid {...GRID} />
            <XAxis dataKey="name" {...AXIS} minTickGap={24} />
            <YAxis {...AXIS} allowDecimals={false} />
            <Tooltip {...TOOLTIP} formatter={(value) => [count(Number(value)), "predictions"]} />
            <Bar dataKey="predictions" fill="var(--accent)" radius={[3, 3, 0, 0]} isAnimationActive={false} />
          </BarChart>
        </Chart>
      </Card>
      <Card title="Average confidence by hour" note={`Never below ${percent(lowest, 0)}; under 60 % is unhealthy, over 80 % healthy`}>
        <Chart label={`Average confidence by hour of the last day; the lowest is ${percent(lowest, 0)}`}>
          <LineChart data={rows} margin={MARGIN}>
            <CartesianGrid {...GRID} />
            <XAxis dataKey="name" {...AXIS} minTickGap={24} />
            <YAxis {...AXIS} domain={[0.5, 1]} ticks={[0.5, 0.6, 0.7, 0.8, 0.9, 1]} tickFormatter={(value) => percent(Number(value), 0)} width={66} />
            <ReferenceLine y={0.8} stroke="var(--good)" strokeDasharray="4 4" />
            <ReferenceLine y={0.6} stroke="var(--bad)" strokeDasharray="4 4" />
            <Tooltip {...TOOLTIP} formatter={(value) => [percent(Number(value)), "confidence"]} />
            <Line dataKey="confidence" stroke="var(--accent)" strokeWidth={2} dot={{ r: 2 }} connectNulls={false} isAnimationActive={false} />
          </LineChart>
        </Chart>
      </Card>
    </div>
  );
}
