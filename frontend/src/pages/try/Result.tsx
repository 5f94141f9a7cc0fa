import { useState } from "react";
import { type Judged, type Judgement, type Label, sendFeedback } from "../../api/predict";
import { pieces, strongest } from "../../lib/attributions";
import { count, milliseconds, percent } from "../../lib/format";
import type { Timing } from "../../lib/timing";
import { sureness } from "../../lib/words";
import { Thumb } from "../../ui/Thumb";
import { Button, ErrorNotice, toneText } from "../../ui/kit";

/** P(negative) and P(positive) as one bar, with the place where the label turns. */
function ProbabilityBar({ positive }: { positive: number }) {
  const shares = [
    { name: "negative", share: 1 - positive, colour: "bg-negative" },
    { name: "positive", share: positive, colour: "bg-positive" },
  ];
  return (
    <div>
      <div
        role="img"
        aria-label={`negative ${percent(1 - positive)}, positive ${percent(positive)}`}
        className="bg-well flex h-4 gap-0.5 overflow-hidden rounded-full"
      >
        {shares.map(({ name, share, colour }) => (
          <span key={name} className={`${colour} transition-[width]`} style={{ width: `${share * 100}%` }} />
        ))}
      </div>
      <div aria-hidden className="mt-1 flex justify-between text-sm tabular-nums">
        <span className="text-negative">negative {percent(1 - positive)}</span>
        <span className="text-positive">{percent(positive)} positive</span>
      </div>
    </div>
  );
}

function ColouredText({ judgement }: { judgement: Judgement }) {
  const { text, attributions } = judgement;
  if (!attributions?.length) return null;
  const words = strongest(text, attributions);
  return (
    <div>
      <h3 className="text-sm font-semibold">Most influential words</h3>
      <p data-testid="why" className="bg-page border-line mt-1 max-h-56 overflow-auto rounded-lg border p-3 leading-8 whitespace-pre-wrap">
        {pieces(text, attributions).map((piece, index) => {
          const side = piece.strength > 0 ? "var(--positive)" : "var(--negative)";
          const share = Math.round(Math.abs(piece.strength) * 45);
          const background = share ? `color-mix(in srgb, ${side} ${share}%, transparent)` : undefined;
          const key = `${index}-${piece.text}`;
          if (!background) return <span key={key}>{piece.text}</span>;
          return (
            <mark key={key} className="rounded py-1 text-inherit" style={{ background }}>
              {piece.text}
            </mark>
          );
        })}
      </p>
      <p className="text-soft mt-1 text-sm">
        <span className="text-positive">For positive</span>: {words.for.join(", ") || "nothing"}.{" "}
        <span className="text-negative">For negative</span>: {words.against.join(", ") || "nothing"}.
      </p>
    </div>
  );
}

const PARTS = ["bg-line", "bg-soft", "bg-accent/50", "bg-accent"];

function TimingSplit({ timing }: { timing: Timing }) {
  return (
    <div>
      <h3 className="text-sm font-semibold">Answered in {milliseconds(timing.total)}</h3>
      {timing.server !== null && (
        <>
          <div aria-hidden className="bg-well mt-1 flex h-2 overflow-hidden rounded-full">
            {timing.parts.map((part, index) => (
              <span
                key={part.name}
                className={PARTS[index]}
                style={{ width: `${(100 * part.milliseconds) / timing.total}%` }}
              />
            ))}
          </div>
          <ul className="text-soft mt-1 flex flex-wrap gap-x-4 text-sm">
            {timing.parts.map((part, index) => (
              <li key={part.name} className="flex items-center gap-1.5">
                <span aria-hidden className={`size-2.5 rounded-full ${PARTS[index]}`} />
                {part.name} {milliseconds(part.milliseconds)}
              </li>
            ))}
          </ul>
        </>
      )}
    </div>
  );
}

function Feedback({ judgement }: { judgement: Judgement }) {
  const [state, setState] = useState<{ sent?: Label; busy?: boolean; error?: unknown }>({});
  const other: Label = judgement.label === "positive" ? "negative" : "positive";
  const send = async (label: Label) => {
    setState({ busy: true });
    try {
      await sendFeedback(judgement.id, label);
      setState({ sent: label });
    } catch (error) {
      setState({ error });
    }
  };
  if (state.sent) {
    return (
      <p role="status" className="text-good text-sm font-medium">
        Thank you: recorded as {state.sent}.
      </p>
    );
  }
  return (
    <div className="space-y-2">
      <div className="flex flex-wrap items-center gap-2 text-sm">
        <span>Is this correct?</span>
        <Button disabled={state.busy} onClick={() => send(judgement.label)}>
          <Thumb /> Yes
        </Button>
        <Button disabled={state.busy} onClick={() => send(other)}>
          <Thumb down /> No, it is {other}
        </Button>
      </div>
      {state.error !== undefined && <ErrorNotice error={state.error} />}
    </div>
  );
}

export function Result({ judged }: { judged: Judged }) {
  const judgement = judged.judgements[0]!;
  const { title, sentence } = sureness(judgement.confidence);
  return (
    <div className="space-y-4">
      <div>
        <p className="flex flex-wrap items-baseline gap-x-3">
          <strong data-testid="label" className={`text-3xl font-bold capitalize ${toneText(judgement.label)}`}>
            {judgement.label}
          </strong>
          <span className="text-lg">{title}</span>
        </p>
        <p className="text-soft text-sm">{sentence}</p>
      </div>
      <ProbabilityBar positive={judgement.positive} />
      <ColouredText judgement={judgement} />
      <p className="text-sm">
        {count(judgement.tokens)} {judgement.tokens === 1 ? "token" : "tokens"}.{" "}
        {judgement.truncated ? (
          <span className="text-warn font-medium">The text is longer than the model's input: a part was left out.</span>
        ) : (
          <span className="text-soft">The model read all of them.</span>
        )}
      </p>
      <TimingSplit timing={judged.timing} />
      <p className="text-soft text-sm break-all">
        Release <code className="font-mono">{judged.release}</code>, prediction{" "}
        <code className="font-mono">{judgement.id}</code>
      </p>
      <Feedback judgement={judgement} />
    </div>
  );
}
