import { useEffect, useRef, useState } from "react";
import { type Judged, type Options, TRUNCATIONS, type Truncation, judge } from "../../api/predict";
import { link, usePlace } from "../../lib/router";
import { CopyButton } from "../../ui/CopyButton";
import { modelOf, useServer } from "../../ui/Server";
import { Button, Card, Empty, ErrorNotice, Loading, PageTitle } from "../../ui/kit";
import { Many } from "./Many";
import { Result } from "./Result";
import { Snippets } from "./Snippets";
import { EXAMPLES } from "./examples";

const CUTS: Record<Truncation, string> = {
  head: "Read its beginning",
  head_tail: "Read its beginning and its end",
  window: "Read all of it, window by window",
  error: "Refuse it",
};

interface Outcome {
  judged: Judged | null;
  error: unknown;
  busy: boolean;
}

/** Asks on demand; a question that is overtaken by the next is dropped. */
function useJudge(model: string) {
  const [outcome, setOutcome] = useState<Outcome>({ judged: null, error: null, busy: false });
  const running = useRef<AbortController>(null);
  const ask = async (text: string, options: Options) => {
    running.current?.abort();
    const mine = new AbortController();
    running.current = mine;
    setOutcome((now) => ({ ...now, error: null, busy: true }));
    try {
      const judged = await judge(model, [text], options, mine.signal);
      setOutcome({ judged, error: null, busy: false });
    } catch (error) {
      if (!mine.signal.aborted) setOutcome({ judged: null, error, busy: false });
    }
  };
  return { outcome, ask };
}

export function TryPage() {
  const { query } = usePlace();
  const given = query.get("text") ?? "";
  const server = useServer();
  const model = modelOf(server);
  const [text, setText] = useState(given);
  const [options, setOptions] = useState<Options>({});
  const { outcome, ask } = useJudge(model);
  const asked = text.trim();

  const submit = (wanted: string = text, how: Options = options) => {
    if (!wanted.trim()) return;
    history.replaceState(null, "", link("try", { text: wanted }));
    void ask(wanted, how);
  };
  // A permalink, opened or followed, answers at once.
  const followed = useRef<string>(null);
  useEffect(() => {
    if (followed.current === given) return;
    followed.current = given;
    setText(given);
    if (given) void ask(given, options);
  });

  return (
    <>
      <PageTitle title="What does this text feel like?">
        Type a review. The model says whether it is positive or negative, and how sure it is.
      </PageTitle>
      <div className="grid items-start gap-4 lg:grid-cols-2">
        <Card title="Your text">
          <form
            onSubmit={(event) => {
              event.preventDefault();
              submit();
            }}
          >
            <label htmlFor="text" className="sr-only">
              Text to judge
            </label>
            <textarea
              id="text"
              value={text}
              rows={6}
              onChange={(event) => setText(event.target.value)}
              onKeyDown={(event) => {
                if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) submit();
              }}
              placeholder="I watched it twice …"
              className="border-line bg-page w-full resize-y rounded-lg border p-3 leading-relaxed"
            />
            <fieldset className="mt-2 flex flex-wrap items-center gap-2">
              <legend className="sr-only">Examples</legend>
              <span aria-hidden className="text-soft text-sm">
                Examples
              </span>
              {EXAMPLES.map((example) => (
                <Button
                  key={example.name}
                  kind="chip"
                  title={example.text}
                  onClick={() => {
                    setText(example.text);
                    submit(example.text);
                  }}
                >
                  {example.name}
                </Button>
              ))}
            </fieldset>
            <div className="mt-4 flex flex-wrap items-center gap-x-4 gap-y-3">
              <Button kind="main" type="submit" disabled={!asked || outcome.busy}>
                {outcome.busy ? "Asking …" : "Judge"}
              </Button>
              {server.explains && (
                <label className="flex items-center gap-2 text-sm">
                  <input
                    type="checkbox"
                    checked={options.explain ?? false}
                    onChange={(event) => {
                      const next = { ...options, explain: event.target.checked };
                      setOptions(next);
                      if (outcome.judged) submit(text, next);
                    }}
                  />
                  Colour the words that decided
                </label>
              )}
              <label className="text-soft flex items-center gap-2 text-sm">
                A text too long
                <select
                  value={options.truncation ?? ""}
                  onChange={(event) =>
                    setOptions({ ...options, truncation: TRUNCATIONS.find((one) => one === event.target.value) })
                  }
                  className="border-line bg-card text-ink max-w-44 rounded-lg border px-2 py-1"
                >
                  <option value="">As the release does</option>
                  {TRUNCATIONS.map((name) => (
                    <option key={name} value={name}>
                      {CUTS[name]}
                    </option>
                  ))}
                </select>
              </label>
            </div>
          </form>
        </Card>
        <Card
          title="Answer"
          action={
            outcome.judged && <CopyButton label="Copy link" name="link to this question" text={window.location.href} />
          }
        >
          <div aria-live="polite" aria-busy={outcome.busy}>
            {outcome.error !== null && <ErrorNotice error={outcome.error} retry={() => submit()} />}
            {outcome.judged && <Result judged={outcome.judged} key={outcome.judged.judgements[0]?.id} />}
            {outcome.busy && !outcome.judged && <Loading what="the answer" />}
            {!outcome.busy && !outcome.judged && outcome.error === null && (
              <Empty title="No question yet">Type a text and press Judge (or Ctrl+Enter), or take an example.</Empty>
            )}
          </div>
        </Card>
        <Many model={model} options={options} />
        <Snippets model={model} text={asked ? text : EXAMPLES[0]!.text} options={options} />
      </div>
    </>
  );
}
