// Parts that the charts share; loaded with the pages that draw.
import type { ReactElement } from "react";
import { ResponsiveContainer } from "recharts";

export const AXIS = { stroke: "var(--line)", tick: { fill: "var(--soft)", fontSize: 12 }, tickLine: false } as const;
export const GRID = { stroke: "var(--line)", strokeDasharray: "2 4", vertical: false } as const;
export const TOOLTIP = {
  contentStyle: {
    background: "var(--card)",
    border: "1px solid var(--line)",
    borderRadius: 8,
    color: "var(--ink)",
    fontSize: 13,
  },
  itemStyle: { color: "var(--ink)" },
  labelStyle: { color: "var(--soft)" },
  cursor: { fill: "var(--well)", stroke: "var(--line)" },
  isAnimationActive: false,
} as const;

interface Props {
  /** A sentence that states what the chart shows. */
  label: string;
  height?: string;
  children: ReactElement;
}

/** A chart in its frame; screen readers read its label. */
export function Chart({ label, height = "h-56", children }: Props) {
  return (
    <div role="img" aria-label={label} className={`${height} w-full`}>
      <ResponsiveContainer width="100%" height="100%">
        {children}
      </ResponsiveContainer>
    </div>
  );
}
