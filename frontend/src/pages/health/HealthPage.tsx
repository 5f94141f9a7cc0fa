import { MONITOR, type Hour, type Status } from "../../api/monitor";
import type { Health } from "../../api/predict";
import { ago, bytes, count, milliseconds, percent } from "../../lib/format";
import { type Line, TONES, WORDS, snapshot, worst } from "../../lib/grading";
import { useResource } from "../../lib/useResource";
import { useServer } from "../../ui/Server";
import { Badge, Card, Code, Empty, ErrorNotice, Figure, Figures, Loading, Notice, PageTitle } from "../../ui/kit";
import { HourlyCharts } from "./HourlyCharts";

const EVERY = 10_000;

function Snapshot({ lines }: { lines: Line[] }) {
  const whole = worst(lines);
  return (
    <Card title="Now" action={<Badge tone={TONES[whole]}>{WORDS[whole]}</Badge>}>
      <ul className="divide-line divide-y">
        {lines.map((line) => (
          <li key={line.name} className="grid gap-x-4 py-2 sm:grid-cols-[9rem_1fr_auto]">
            <span className="text-soft">{line.name}</span>
            <span className="min-w-0 break-words">
              {line.value}
              {(line.grade === "yellow" || line.grade === "red") && line.remedy && (
                <span className="text-soft block text-sm">
                  <Code text={line.remedy} />
                </span>
              )}
            </span>
            <span>
              <Badge tone={TONES[line.grade]}>{WORDS[line.grade]}</Badge>
            </span>
          </li>
        ))}
      </ul>
    </Card>
  );
}

function Alerts({ status }: { status: Status }) {
  const { alerts } = status;
  return (
    <Card title="Alerts">
      {alerts === null && (
        <Empty title="No Alertmanager is configured">
          In a cluster, the chart's alerts appear here. Elsewhere, the grades beside this card show what needs attention.
        </Empty>
      )}
      {alerts?.length === 0 && <Empty title="No alert is firing" />}
      <div className="space-y-2">
        {alerts?.map((alert) => (
          <Notice key={`${alert.name}${alert.since}`} tone={alert.severity === "critical" ? "bad" : "warn"} title={alert.name}>
            <p>{alert.summary || alert.description}</p>
            <p className="text-soft">
              {alert.severity}, since {ago(alert.since)}
              {alert.runbook && /^https?:/.test(alert.runbook) && (
                <>
                  {" · "}
                  <a className="underline" href={alert.runbook} rel="noreferrer">
                    Runbook
                  </a>
                </>
              )}
            </p>
          </Notice>
        ))}
      </div>
    </Card>
  );
}

function LabelMix({ byLabel }: { byLabel: Record<string, number> }) {
  const total = Object.values(byLabel).reduce((sum, each) => sum + each, 0);
  const positive = total ? (byLabel.positive ?? 0) / total : 0;
  return (
    <div className="mt-4">
      <div
        role="img"
        aria-label={`${percent(positive, 0)} positive, ${percent(1 - positive, 0)} negative`}
        className="bg-well flex h-3 gap-0.5 overflow-hidden rounded-full"
      >
        <span className="bg-negative" style={{ width: `${(1 - positive) * 100}%` }} />
        <span className="bg-positive" style={{ width: `${positive * 100}%` }} />
      </div>
      <p aria-hidden className="mt-1 flex justify-between text-sm tabular-nums">
        <span className="text-negative">negative {percent(1 - positive, 0)}</span>
        <span className="text-positive">{percent(positive, 0)} positive</span>
      </p>
    </div>
  );
}

function TrafficCard({ status }: { status: Status }) {
  const traffic = status.traffic;
  if (!traffic?.predictions) {
    return (
      <Card title="Last 24 hours">
        <Empty title="No predictions yet">Judge a text on the page Try it, or send requests to the predictor.</Empty>
      </Card>
    );
  }
  const feedback = status.feedback;
  const latency = (value: number | null): string => (value === null ? "–" : milliseconds(value));
  return (
    <Card title="Last 24 hours">
      <Figures>
        <Figure name="Predictions" value={count(traffic.predictions)} />
        <Figure name="Average confidence" value={percent(traffic.mean_confidence ?? 0)} />
        <Figure name="Latency p50" value={latency(traffic.p50_ms)} />
        <Figure name="Latency p95" value={latency(traffic.p95_ms)} />
        <Figure name="Latency p99" value={latency(traffic.p99_ms)} />
        <Figure
          name="Right by feedback"
          value={feedback ? percent(feedback.accuracy.value) : "–"}
          note={
            feedback
              ? `${count(feedback.rows)} answers; 95 % interval ${percent(feedback.accuracy.low, 0)} to ${percent(feedback.accuracy.high, 0)}`
              : "no feedback"
          }
        />
        <Figure
          name="By way"
          value={
            <span className="text-base font-normal">
              {Object.entries(traffic.by_source).map(([name, rows]) => `${name} ${count(rows)}`).join(", ")}
            </span>
          }
        />
      </Figures>
      <LabelMix byLabel={traffic.by_label} />
    </Card>
  );
}

function LogCard({ health, status }: { health: Health | null; status: Status }) {
  return (
    <Card title="Prediction log">
      <Figures>
        {health && (
          <>
            <Figure name="Database" value={health.log.database_up ? "takes rows" : "away"} tone={health.log.database_up ? "good" : "warn"} />
            <Figure name="Written" value={count(health.log.written)} note="since the start" />
            <Figure name="Waiting" value={count(health.log.journal_rows + health.log.queued)} note="journal and memory" />
            <Figure name="Lost" value={count(health.log.lost)} tone={health.log.lost ? "bad" : "good"} />
          </>
        )}
        {status.database && <Figure name="Size" value={bytes(status.database.bytes)} />}
        {status.database &&
          Object.entries(status.database.rows).map(([table, rows]) => (
            <Figure key={table} name={`Rows: ${table.replaceAll("_", " ")}`} value={count(rows)} />
          ))}
      </Figures>
      {health?.log.last_error && <p className="text-warn mt-3 text-sm">{health.log.last_error}</p>}
    </Card>
  );
}

export default function HealthPage() {
  const { health } = useServer();
  const status = useResource<Status>(MONITOR.status, EVERY);
  const hours = useResource<{ hours: Hour[] }>(MONITOR.hourly, 6 * EVERY);
  return (
    <>
      <PageTitle title="Is it healthy?">The current state of the server, its log and the last day's traffic.</PageTitle>
      <div className="grid items-start gap-4">
        {status.error !== null && <ErrorNotice error={status.error} who="monitor" retry={status.reload} />}
        {!status.data && status.loading && <Loading what="the status" className="h-72" />}
        {status.data && (
          <>
            <div className="grid items-start gap-4 lg:grid-cols-[3fr_2fr]">
              <Snapshot lines={snapshot(health, status.data)} />
              <Alerts status={status.data} />
            </div>
            <TrafficCard status={status.data} />
            {hours.data && <HourlyCharts hours={hours.data.hours} />}
            <LogCard health={health} status={status.data} />
          </>
        )}
      </div>
    </>
  );
}
