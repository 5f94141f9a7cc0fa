import { type Card as ReleaseCard, MONITOR, type Promotion, type Release } from "../../api/monitor";
import { count, percent, when } from "../../lib/format";
import { useResource } from "../../lib/useResource";
import { useServer } from "../../ui/Server";
import { Badge, Card, Empty, ErrorNotice, Figure, Figures, Loading, Notice, PageTitle } from "../../ui/kit";
import { ConfusionMatrix, Metrics, Reliability, Slices } from "./Measured";

const EVERY = 30_000;
const KEPT: Record<string, string> = { head: "its beginning is read", head_tail: "its beginning and its end are read" };

function Identity({ card }: { card: ReleaseCard }) {
  const accuracy = card.metrics.accuracy;
  return (
    <Card title="The release" action={<Badge tone="good">champion</Badge>}>
      <Figures>
        <Figure name="Id" value={<code className="font-mono text-base">{card.id}</code>} />
        <Figure name="Made" value={<span className="text-base">{when(card.created)}</span>} />
        {accuracy && (
          <Figure
            name="Accuracy on test rows"
            value={percent(accuracy.value)}
            note={`95 % interval ${percent(accuracy.low)} to ${percent(accuracy.high)}`}
          />
        )}
        <Figure name="Base model" value={<span className="text-base">{card.base_model}</span>} />
        <Figure name="Longest text" value={`${count(card.max_tokens)} tokens`} note={`of a longer one ${KEPT[card.truncation] ?? card.truncation}`} />
        <Figure
          name="Runs as"
          value={<span className="text-base">{card.default_variant}</span>}
          note={`available: ${card.variants.map(({ name }) => name).join(", ")}`}
        />
        <Figure name="Positive from" value={percent(card.decision_threshold, 0)} note={`temperature ${card.temperature.toPrecision(3)}`} />
        <Figure
          name="Commit"
          value={<code className="font-mono text-base">{card.git_commit?.slice(0, 10) ?? "not recorded"}</code>}
          note={card.mlflow_run_id ? `MLflow run ${card.mlflow_run_id}` : undefined}
        />
      </Figures>
    </Card>
  );
}

function Text({ card }: { card: ReleaseCard }) {
  const facts = Object.entries(card.facts);
  return (
    <Card title="Model card">
      {facts.length > 0 && (
        <details>
          <summary className="font-medium">Facts of the training ({facts.length})</summary>
          <dl className="mt-2 grid gap-x-6 gap-y-1 text-sm sm:grid-cols-[auto_1fr]">
            {facts.map(([name, value]) => (
              <div key={name} className="contents">
                <dt className="text-soft">{name.replaceAll("_", " ")}</dt>
                <dd className="mb-1 break-words tabular-nums sm:mb-0">{String(value ?? "–")}</dd>
              </div>
            ))}
          </dl>
        </details>
      )}
      {card.text && (
        <details className="mt-2">
          <summary className="font-medium">MODEL_CARD.md, whole</summary>
          <pre tabIndex={0} className="bg-page border-line mt-2 max-h-[32rem] overflow-auto rounded-lg border p-3 font-mono text-sm whitespace-pre-wrap">
            {card.text}
          </pre>
        </details>
      )}
      {!card.text && !facts.length && <Empty title="The release has no model card" />}
    </Card>
  );
}

function Releases({ releases, serving }: { releases: Release[]; serving: string | null }) {
  return (
    <Card title="Releases" note="Newest first.">
      <div tabIndex={0} role="group" aria-label="Releases" className="max-h-96 overflow-auto">
        <table className="w-full text-sm">
          <thead className="text-soft">
            <tr>
              <th scope="col" className="py-1 pr-3 text-left font-normal">Release</th>
              <th scope="col" className="py-1 pr-3 text-left font-normal">Made</th>
              <th scope="col" className="py-1 text-left font-normal">Accuracy</th>
            </tr>
          </thead>
          <tbody>
            {releases.map((release) => (
              <tr key={release.id} className="border-line border-t align-top">
                <th scope="row" className="py-2 pr-3 text-left font-normal">
                  <code className="font-mono">{release.id}</code>
                  <span className="flex flex-wrap gap-1">
                    {release.champion && <Badge tone="good">champion</Badge>}
                    {release.id === serving && <Badge tone="plain">serving</Badge>}
                  </span>
                </th>
                <td className="py-2 pr-3">{when(release.created)}</td>
                <td className="py-2 tabular-nums">
                  {release.accuracy ? percent(release.accuracy.value) : "–"}
                  {release.accuracy && (
                    <span className="text-soft block">
                      {percent(release.accuracy.low)} to {percent(release.accuracy.high)}
                    </span>
                  )}
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </Card>
  );
}

function Promotions({ promotions }: { promotions: Promotion[] }) {
  return (
    <Card title="Promotion history" note="Newest first.">
      {!promotions.length && <Empty title="No promotion yet">Run: `sentiment promote ID`</Empty>}
      <ol tabIndex={promotions.length ? 0 : undefined} aria-label="Promotions" className="divide-line max-h-96 divide-y overflow-auto text-sm">
        {promotions.map((entry) => (
          <li key={`${entry.when}${entry.id}`} className="py-2">
            <strong>{entry.who}</strong> {entry.action === "rollback" ? "rolled back to" : "promoted"}{" "}
            <code className="font-mono">{entry.id}</code>
            {entry.previous && (
              <>
                {" "}
                in place of <code className="font-mono">{entry.previous}</code>
              </>
            )}
            <span className="text-soft block">{when(entry.when)}</span>
          </li>
        ))}
      </ol>
    </Card>
  );
}

export default function ModelPage() {
  const { health } = useServer();
  const card = useResource<{ card: ReleaseCard | null }>(MONITOR.card, EVERY);
  const releases = useResource<{ releases: Release[]; promotions: Promotion[] }>(MONITOR.releases, EVERY);
  const shown = card.data?.card ?? null;
  const serving = health?.release_id ?? null;
  return (
    <>
      <PageTitle title="Which model answers?">The champion's card, its quality, and the history of promotions.</PageTitle>
      <div className="grid items-start gap-4">
        {card.error !== null && <ErrorNotice error={card.error} who="monitor" retry={card.reload} />}
        {!card.data && card.loading && <Loading what="the card" className="h-72" />}
        {card.data && !shown && <Empty title="There is no champion yet">Run: `sentiment promote ID`</Empty>}
        {shown && serving && serving !== shown.id && (
          <Notice tone="warn" title="Another release is serving">
            The predictor answers with {serving}; the champion is {shown.id}. A rollout may be in progress.
          </Notice>
        )}
        {shown && (
          <>
            <Identity card={shown} />
            <Metrics metrics={shown.metrics} />
            {shown.measured && (
              <div className="grid items-start gap-4 lg:grid-cols-2">
                <Reliability measured={shown.measured} error={shown.metrics.ece_after?.value} />
                <ConfusionMatrix measured={shown.measured} />
              </div>
            )}
            {shown.measured && <Slices measured={shown.measured} />}
            <Text card={shown} />
          </>
        )}
        {releases.data && (
          <div className="grid items-start gap-4 lg:grid-cols-2">
            <Releases releases={releases.data.releases} serving={serving} />
            <Promotions promotions={releases.data.promotions} />
          </div>
        )}
      </div>
    </>
  );
}
