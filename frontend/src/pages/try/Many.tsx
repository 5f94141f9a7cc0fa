import { useRef, useState } from "react";
import { type Options, judge } from "../../api/predict";
import { type Outcome, judgeAll } from "../../lib/bulk";
import { type Table, readList, readTable, writeCsv } from "../../lib/csv";
import { count, percent } from "../../lib/format";
import { Button, Card, ErrorNotice, Notice, toneText } from "../../ui/kit";

const LARGEST_BYTES = 20_000_000;
const MOST_ROWS = 20_000;
const SHOWN = 50;
const ADDED = ["label", "confidence", "probability_positive", "tokens", "truncated", "prediction_id", "release_id", "problem"];

function cells(outcome: Outcome | null, release: string): (string | number | boolean)[] {
  if (!outcome) return [...ADDED.slice(1).map(() => ""), "not judged"];
  if ("problem" in outcome) return [...ADDED.slice(1).map(() => ""), outcome.problem];
  const { label, confidence, positive, tokens, truncated, id } = outcome.judgement;
  return [label, confidence.toFixed(4), positive.toFixed(4), tokens, truncated, id, release, ""];
}

function save(table: Table, outcomes: (Outcome | null)[], release: string): void {
  const taken = new Set(table.head);
  const head = [...table.head, ...ADDED.map((name) => (taken.has(name) ? `predicted_${name}` : name))];
  const wide = table.head.length;
  const rows = table.rows.map((row, index) => [
    ...Array.from({ length: wide }, (_, column) => row[column] ?? ""),
    ...cells(outcomes[index] ?? null, release),
  ]);
  const address = URL.createObjectURL(new Blob([writeCsv([head, ...rows])], { type: "text/csv" }));
  const link = document.createElement("a");
  link.href = address;
  link.download = "sentiment.csv";
  link.click();
  setTimeout(() => URL.revokeObjectURL(address), 10_000);
}

interface State {
  table: Table | null;
  outcomes: (Outcome | null)[];
  release: string;
  waiting: string | null;
  running: boolean;
  error: unknown;
  refusal: string | null;
}

const NOTHING: State = { table: null, outcomes: [], release: "", waiting: null, running: false, error: null, refusal: null };

function useMany(model: string, options: Options) {
  const [state, setState] = useState<State>(NOTHING);
  const stop = useRef(false);
  const run = async (table: Table, known: (Outcome | null)[]) => {
    stop.current = false;
    setState((now) => ({ ...now, table, outcomes: known, running: true, error: null, refusal: null, waiting: null }));
    const texts = table.rows.map((row) => row[table.column] ?? "");
    try {
      await judgeAll(texts, known, {
        ask: async (batch) => {
          const judged = await judge(model, batch, { truncation: options.truncation });
          setState((now) => ({ ...now, release: judged.release }));
          return judged.judgements;
        },
        wait: (seconds) => new Promise((resolve) => setTimeout(resolve, seconds * 1000)),
        progress: (outcomes, waiting) => setState((now) => ({ ...now, outcomes, waiting })),
        stopped: () => stop.current,
      });
    } catch (error) {
      setState((now) => ({ ...now, error }));
    }
    setState((now) => ({ ...now, running: false, waiting: null }));
  };
  const begin = (read: () => Table) => {
    try {
      const table = read();
      if (!table.rows.length) throw new Error("The list is empty.");
      if (table.rows.length > MOST_ROWS) {
        throw new Error(`The list has ${count(table.rows.length)} rows; the limit is ${count(MOST_ROWS)}. Split it.`);
      }
      void run(table, []);
    } catch (error) {
      setState({ ...NOTHING, refusal: error instanceof Error ? error.message : String(error) });
    }
  };
  const open = async (file: File | undefined) => {
    if (!file) return;
    if (file.size > LARGEST_BYTES) {
      setState({ ...NOTHING, refusal: `${file.name} is larger than 20 MB. Split it.` });
      return;
    }
    const raw = await file.text();
    begin(() => readTable(raw));
  };
  return {
    state,
    begin,
    open,
    resume: () => state.table && void run(state.table, state.outcomes),
    stop: () => {
      stop.current = true;
    },
  };
}

function Rows({ table, outcomes }: { table: Table; outcomes: (Outcome | null)[] }) {
  const done = table.rows.map((row, index) => ({ text: row[table.column] ?? "", outcome: outcomes[index] ?? null, index }));
  const shown = done.filter(({ outcome }) => outcome).slice(-SHOWN).reverse();
  if (!shown.length) return null;
  return (
    <div tabIndex={0} role="group" aria-label="Answers" className="border-line max-h-80 overflow-auto rounded-lg border">
      <table className="w-full text-sm">
        <thead className="text-soft">
          <tr>
            <th scope="col" className="px-3 py-1.5 text-left font-normal">Row</th>
            <th scope="col" className="px-3 py-1.5 text-left font-normal">Text</th>
            <th scope="col" className="px-3 py-1.5 text-right font-normal">Answer</th>
          </tr>
        </thead>
        <tbody>
          {shown.map(({ text, outcome, index }) => (
            <tr key={index} className="border-line border-t align-top">
              <td className="text-soft px-3 py-1.5 tabular-nums">{index + 1}</td>
              <td className="px-3 py-1.5">
                <span className="line-clamp-2 break-words">{text}</span>
              </td>
              <td className="px-3 py-1.5 text-right">
                {outcome && "judgement" in outcome ? (
                  <span className={toneText(outcome.judgement.label)}>
                    {outcome.judgement.label} {percent(outcome.judgement.confidence, 0)}
                  </span>
                ) : (
                  <span className="text-warn">{outcome && "problem" in outcome ? outcome.problem : ""}</span>
                )}
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

/** A pasted list or a CSV file, judged in the background and offered as a download. */
export function Many({ model, options }: { model: string; options: Options }) {
  const { state, begin, open, resume, stop } = useMany(model, options);
  const [list, setList] = useState("");
  const [over, setOver] = useState(false);
  const { table, outcomes, running } = state;
  const total = table?.rows.length ?? 0;
  const finished = outcomes.filter(Boolean).length;
  const judged = outcomes.flatMap((outcome) => (outcome && "judgement" in outcome ? [outcome.judgement] : []));
  const positive = judged.filter(({ label }) => label === "positive").length;
  return (
    <Card title="Many texts" note="One text a line, or a CSV with a column text. Texts are sent in small batches." className="lg:col-span-2">
      <div
        onDragOver={(event) => {
          event.preventDefault();
          setOver(true);
        }}
        onDragLeave={() => setOver(false)}
        onDrop={(event) => {
          event.preventDefault();
          setOver(false);
          void open(event.dataTransfer.files[0]);
        }}
        className={`rounded-lg border border-dashed p-3 ${over ? "border-accent bg-well" : "border-line"}`}
      >
        <label htmlFor="list" className="sr-only">
          Texts, one a line
        </label>
        <textarea
          id="list"
          rows={3}
          value={list}
          onChange={(event) => setList(event.target.value)}
          placeholder="One text a line, or drop a CSV file here"
          className="border-line bg-page w-full resize-y rounded-lg border p-3"
        />
        <div className="mt-2 flex flex-wrap items-center gap-3">
          <Button disabled={running || !list.trim()} onClick={() => begin(() => readList(list))}>
            Judge the list
          </Button>
          <label className="text-soft text-sm">
            or a CSV file{" "}
            <input
              type="file"
              accept=".csv,.txt,text/csv,text/plain"
              disabled={running}
              onChange={(event) => {
                void open(event.target.files?.[0]);
                event.target.value = "";
              }}
              className="text-ink file:border-line file:bg-card file:text-ink max-w-full file:mr-2 file:rounded-lg file:border file:px-3 file:py-1.5"
            />
          </label>
        </div>
      </div>
      <div className="mt-3 space-y-3">
        {state.refusal && (
          <Notice tone="bad" title="The texts cannot be read" role="alert">
            {state.refusal}
          </Notice>
        )}
        {table && (
          <>
            <div
              role="progressbar"
              aria-label="Texts judged"
              aria-valuenow={finished}
              aria-valuemin={0}
              aria-valuemax={total}
              className="bg-well h-2 overflow-hidden rounded-full"
            >
              <div className="bg-accent h-full" style={{ width: `${(100 * finished) / total}%` }} />
            </div>
            <div className="flex flex-wrap items-center justify-between gap-3 text-sm">
              <p role="status">
                {count(finished)} of {count(total)}
                {judged.length > 0 && `, ${percent(positive / judged.length, 0)} of them positive`}
                {finished > judged.length && `, ${count(finished - judged.length)} not judged`}
                {state.waiting && <span className="text-warn"> · {state.waiting}</span>}
              </p>
              <span className="flex gap-2">
                {running && <Button onClick={stop}>Stop</Button>}
                {!running && finished < total && <Button onClick={resume}>Resume</Button>}
                {finished > 0 && (
                  <Button disabled={running} onClick={() => save(table, outcomes, state.release)}>
                    Download CSV
                  </Button>
                )}
              </span>
            </div>
            {state.error !== null && <ErrorNotice error={state.error} />}
            <Rows table={table} outcomes={outcomes} />
          </>
        )}
      </div>
    </Card>
  );
}
