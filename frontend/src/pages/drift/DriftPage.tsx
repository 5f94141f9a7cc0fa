import { useState } from "react";
import { type Check, type Examples, MONITOR, reportOf } from "../../api/monitor";
import { oldestFirst, verdictTone } from "../../lib/drift";
import { ago, count, percent, when } from "../../lib/format";
import { useResource } from "../../lib/useResource";
import { Badge, Card, Empty, ErrorNotice, Loading, PageTitle, toneText } from "../../ui/kit";
import { Statistics } from "./Statistics";

const EVERY = 15_000;

function Verdicts({ checks, chosen, choose }: { checks: Check[]; chosen: Check; choose: (id: number) => void }) {
  const colours: Record<string, string> = { good: "bg-good", warn: "bg-warn", bad: "bg-bad" };
  return (
    <Card title="Verdicts over time" note="Oldest on the left. Choose a check to see its tests.">
      <ol className="flex flex-wrap gap-1.5">
        {oldestFirst(checks).map((check) => {
          const colour = colours[verdictTone(check.verdict)] ?? "bg-soft";
          const name = `${check.verdict}, ${when(check.created)}`;
          return (
            <li key={check.id}>
              <button
                type="button"
                aria-label={name}
                title={name}
                aria-pressed={check.id === chosen.id}
                onClick={() => choose(check.id)}
                className={`${colour} block h-10 w-6 rounded ${check.id === chosen.id ? "ring-ink ring-2 ring-offset-2 ring-offset-(--card)" : "opacity-70 hover:opacity-100"}`}
              />
            </li>
          );
        })}
      </ol>
      <p className="text-soft mt-2 flex flex-wrap gap-x-4 text-sm">
        {["stable", "warning", "drift", "not enough data"].map((verdict) => (
          <span key={verdict} className="flex items-center gap-1.5">
            <span aria-hidden className={`${colours[verdictTone(verdict)] ?? "bg-soft"} size-2.5 rounded-full`} />
            {verdict}
          </span>
        ))}
      </p>
    </Card>
  );
}

function Verdict({ check }: { check: Check }) {
  const tone = verdictTone(check.verdict);
  return (
    <Card title="Verdict" action={<span className="text-soft text-sm">{ago(check.created)}</span>}>
      <p data-testid="verdict" className={`text-3xl font-bold capitalize ${toneText(tone)}`}>
        {check.verdict}
      </p>
      <p className="mt-1">{check.reason}</p>
      <p className="text-soft mt-2 text-sm break-words">
        {count(check.rows)} rows of release <code className="font-mono">{check.release_id}</code>, {when(check.window_start)} to{" "}
        {when(check.window_end)}
      </p>
    </Card>
  );
}

function Report({ check }: { check: Check }) {
  const [open, setOpen] = useState(false);
  if (!check.report_uri) {
    return (
      <Card title="Report">
        <Empty title="This check wrote no report">It ran with `--report-dir none`, or the report store was not available.</Empty>
      </Card>
    );
  }
  return (
    <Card
      title="Report"
      note="The check's full report, with plots."
      action={
        <a className="text-accent text-sm underline" href={reportOf(check)} target="_blank" rel="noreferrer">
          Open in a new tab
        </a>
      }
    >
      {open ? (
        <iframe
          title={`Report of the check of ${when(check.created)}`}
          src={reportOf(check)}
          sandbox=""
          className="border-line h-[42rem] w-full rounded-lg border bg-white"
        />
      ) : (
        <button type="button" className="text-accent underline" onClick={() => setOpen(true)}>
          Show it here
        </button>
      )}
    </Card>
  );
}

function NewTexts({ examples }: { examples: Examples | null }) {
  return (
    <Card
      title="Texts that look new"
      note="Texts of the last check's window that are farthest from the release's reference. Above 1, a text is farther than 95 % of the reference texts."
    >
      {!examples && <Empty title="Not read yet">They appear a moment after a check.</Empty>}
      {examples?.withheld && (
        <Empty title="No texts to show">
          {examples.withheld.charAt(0).toUpperCase() + examples.withheld.slice(1)}.
        </Empty>
      )}
      {examples && examples.texts.length > 0 && (
        <>
          <p className="mb-3 text-sm">
            <strong>{percent(examples.new_share ?? 0, 0)}</strong> of {count(examples.compared)} texts are above 1; about 5 %
            is expected by chance.
          </p>
          <ul className="divide-line divide-y">
            {examples.texts.map((text) => (
              <li key={`${text.time}${text.text}`} className="grid gap-1 py-2.5 sm:grid-cols-[5rem_1fr]">
                <span className="text-sm font-semibold tabular-nums" title="novelty">
                  {text.novelty.toFixed(2)}
                  <span className="sr-only"> novelty</span>
                </span>
                <span className="min-w-0">
                  <span className="line-clamp-3 break-words">{text.text}</span>
                  <span className={`text-sm ${toneText(text.label === "positive" ? "positive" : "negative")}`}>
                    {text.label}, P(positive) {percent(text.probability, 0)}
                  </span>
                </span>
              </li>
            ))}
          </ul>
        </>
      )}
    </Card>
  );
}

export default function DriftPage() {
  const { data, error, loading, reload } = useResource<{ checks: Check[] }>(MONITOR.drift, EVERY);
  const examples = useResource<{ examples: Examples | null }>(MONITOR.examples, EVERY);
  const [wanted, setWanted] = useState<number | null>(null);
  const checks = data?.checks ?? [];
  const check = checks.find(({ id }) => id === wanted) ?? checks[0];
  return (
    <>
      <PageTitle title="Has the traffic changed?">
        Compares current traffic with the texts that the release was tested on. A verdict needs a difference that is statistically
        significant and large enough to matter.
      </PageTitle>
      <div className="grid items-start gap-4">
        {error !== null && <ErrorNotice error={error} who="monitor" retry={reload} />}
        {!data && loading && <Loading what="the checks" className="h-72" />}
        {data && !check && (
          <Empty title="No check yet">
            In a cluster a CronJob runs the checks. On this machine, run: `sentiment drift check`
          </Empty>
        )}
        {check && (
          <>
            <div className="grid items-start gap-4 lg:grid-cols-2">
              <Verdict check={check} />
              <Verdicts checks={checks} chosen={check} choose={setWanted} />
            </div>
            <Statistics check={check} />
            <NewTexts examples={examples.data?.examples ?? null} />
            <Report key={check.id} check={check} />
          </>
        )}
        {check && check.id !== checks[0]?.id && (
          <p>
            <Badge tone="plain">An earlier check is shown</Badge>{" "}
            <button type="button" className="text-accent underline" onClick={() => setWanted(null)}>
              Show the newest
            </button>
          </p>
        )}
      </div>
    </>
  );
}
