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
  head: "Read the beginning",
  head_tail: "Read the beginning and the end",
  window: "Read everything, in windows",
  error: "Refuse",
};

interface Outcome {
  judged: Judged | null;
  error: unknown;
  busy: boolean;
}

/** Judge texts on demand; a new request aborts the one before it. */
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
  // A permalink is judged at once, whether opened or followed.
  const followed = useRef<string>(null);
  useEffect(() => {
    if (followed.current === given) return;
    followed.current = given;
    setText(given);
    if (given) void ask(given, options);
  });

  return (
    <>
      <PageTitle title="What is the sentiment of this text?">
        Enter a review. The model classifies it as positive or negative, with a confidence.
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
                {outcome.busy ? "Judging …" : "Judge"}
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
                  Colour the most influential words
                </label>
              )}
              <label className="text-soft flex items-center gap-2 text-sm">
                Longer texts
                <select
                  value={options.truncation ?? ""}
                  onChange={(event) =>
                    setOptions({ ...options, truncation: TRUNCATIONS.find((one) => one === event.target.value) })
                  }
                  className="border-line bg-card text-ink max-w-44 rounded-lg border px-2 py-1"
                >
                  <option value="">The release's default</option>
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
            outcome.judged && <CopyButton label="Copy link" name="link to this request" text={window.location.href} />
          }
        >
          <div aria-live="polite" aria-busy={outcome.busy}>
            {outcome.error !== null && <ErrorNotice error={outcome.error} retry={() => submit()} />}
            {outcome.judged && <Result judged={outcome.judged} key={outcome.judged.judgements[0]?.id} />}
            {outcome.busy && !outcome.judged && <Loading what="the answer" />}
            {!outcome.busy && !outcome.judged && outcome.error === null && (
              <Empty title="No request yet">Enter a text and press Judge (or Ctrl+Enter), or choose an example.</Empty>
            )}
          </div>
        </Card>
        <Many model={model} options={options} />
        <Snippets model={model} text={asked ? text : EXAMPLES[0]!.text} options={options} />
      </div>
    </>
  );
}
