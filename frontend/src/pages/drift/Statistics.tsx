import type { Check, Statistic } from "../../api/monitor";
import { FAMILIES, outcomeTone } from "../../lib/drift";
import { count } from "../../lib/format";
import { Badge, Card, Empty, toneText } from "../../ui/kit";

const figure = (value: number | null | undefined): string => {
  if (value == null) return "–";
  return Math.abs(value) >= 100 ? count(Math.round(value)) : Number(value.toPrecision(3)).toString();
};
const chance = (value: number | null | undefined): string =>
  value == null ? "–" : value < 0.001 ? "< 0.001" : value.toFixed(3);

const FILLS: Record<string, string> = { bad: "bg-bad", warn: "bg-warn", plain: "bg-soft" };

/** The effect on a scale whose middle is the smallest effect that matters. */
function Bar({ statistic }: { statistic: Statistic }) {
  const share = Math.min(100, Math.max(0, 50 * statistic.size));
  return (
    <span aria-hidden className="bg-well relative mt-1 block h-2 w-20 sm:w-28 overflow-hidden rounded-full">
      <span className={`absolute inset-y-0 left-0 rounded-full ${FILLS[outcomeTone(statistic.outcome)]}`} style={{ width: `${share}%` }} />
      <span className="bg-ink absolute inset-y-0 left-1/2 w-0.5" />
    </span>
  );
}

function Row({ statistic }: { statistic: Statistic }) {
  const tone = outcomeTone(statistic.outcome);
  return (
    <>
      <tr className="border-line border-t align-top">
        <th scope="row" className="min-w-20 py-2 pr-3 text-left font-medium">
          {statistic.title ?? statistic.name}
          {statistic.primary && <span className="text-soft text-sm font-normal"> · decides</span>}
          {statistic.note && <span className="text-soft hidden text-sm font-normal sm:block">{statistic.note}</span>}
        </th>
        <td className="py-2 pr-3 whitespace-nowrap tabular-nums">
          {figure(statistic.effect)} <span className="text-soft">of {figure(statistic.effect_floor)}</span>
          <Bar statistic={statistic} />
        </td>
        <td className="hidden py-2 pr-3 tabular-nums md:table-cell">{chance(statistic.p_adjusted ?? statistic.p_value)}</td>
        <td className="hidden py-2 pr-3 whitespace-nowrap tabular-nums lg:table-cell">
          {count(statistic.n_reference ?? 0)} / {count(statistic.n_window ?? 0)}
        </td>
        <td className="py-2 text-right">
          <span className="hidden sm:inline">
            <Badge tone={tone}>{statistic.outcome}</Badge>
          </span>
          <span className={`sm:hidden ${toneText(tone)}`}>{statistic.outcome}</span>
        </td>
      </tr>
      {statistic.note && (
        <tr className="sm:hidden">
          <td colSpan={3} className="text-soft pb-2">
            {statistic.note}
          </td>
        </tr>
      )}
    </>
  );
}

function Tests({ caption, rows }: { caption: string; rows: Statistic[] }) {
  return (
    <table className="w-full text-sm">
      <caption className="sr-only">{caption}</caption>
      <thead className="text-soft">
        <tr>
          <th scope="col" className="py-1 pr-3 text-left font-normal">Test</th>
          <th scope="col" className="py-1 pr-3 sm:w-32 text-left font-normal">Size</th>
          <th scope="col" className="hidden w-16 py-1 pr-3 text-left font-normal md:table-cell">p</th>
          <th scope="col" className="hidden w-36 py-1 pr-3 text-left font-normal whitespace-nowrap lg:table-cell">Reference / window</th>
          <th scope="col" className="py-1 text-right sm:w-36 font-normal">Outcome</th>
        </tr>
      </thead>
      <tbody>
        {rows.map((statistic) => (
          <Row key={statistic.name} statistic={statistic} />
        ))}
      </tbody>
    </table>
  );
}

export function Statistics({ check }: { check: Check }) {
  const groups = FAMILIES.map(([family, heading]) => {
    const rows = check.statistics.filter((statistic) => statistic.family === family);
    const telling = rows.filter((statistic) => statistic.primary || outcomeTone(statistic.outcome) !== "plain");
    return { heading, telling, others: rows.filter((statistic) => !telling.includes(statistic)) };
  }).filter(({ telling, others }) => telling.length + others.length);
  return (
    <Card
      title="Each test against its threshold"
      note="The bar is the size of the difference; its mark is the smallest size that matters. p is corrected for the number of tests."
    >
      {!groups.length && <Empty title="No test was run">{check.reason}</Empty>}
      {groups.map(({ heading, telling, others }) => (
        <div key={heading} className="mb-5 last:mb-0">
          <h3 className="pb-1 text-sm font-semibold">{heading}</h3>
          {telling.length > 0 && <Tests caption={heading} rows={telling} />}
          {others.length > 0 && (
            <details className="mt-1">
              <summary className="text-soft text-sm">
                {others.length} side {others.length === 1 ? "test" : "tests"} without a finding
              </summary>
              <Tests caption={`${heading} Side tests`} rows={others} />
            </details>
          )}
        </div>
      ))}
    </Card>
  );
}
