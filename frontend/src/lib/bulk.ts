// Many texts in small batches, one after another, so that requests of other users are served in between.
import { ApiError } from "../api/client";
import type { Judgement } from "../api/predict";

export type Outcome = { judgement: Judgement } | { problem: string };

export interface Steps {
  ask: (texts: string[]) => Promise<Judgement[]>;
  /** Wait so many seconds. */
  wait: (seconds: number) => Promise<void>;
  /** Called after each batch, and before each wait for the server. */
  progress: (outcomes: (Outcome | null)[], waiting: string | null) => void;
  stopped: () => boolean;
}

export const BATCH = 16;
const TRIES = 8;
const LONGEST_WAIT = 30;
const TEMPORARY = ["busy", "unready", "offline"];

/** Request a batch, and retry while the server is busy or away. Raises ApiError after the last try. */
async function patiently(texts: string[], steps: Steps, report: (waiting: string) => void): Promise<Judgement[]> {
  for (let tries = 1; ; tries += 1) {
    try {
      return await steps.ask(texts);
    } catch (error) {
      if (!(error instanceof ApiError) || !TEMPORARY.includes(error.trouble) || tries === TRIES || steps.stopped()) throw error;
      const seconds = Math.min(LONGEST_WAIT, error.retryAfter ?? 2 ** (tries - 1));
      report(`${error.trouble === "busy" ? "The server is overloaded" : "The server is not available"}: retry in ${seconds} s`);
      await steps.wait(seconds);
    }
  }
}

/**
 * Judge all texts that have no outcome in `known`, and return all outcomes; an outcome is null if the run was stopped
 * before its text. A text that the server refuses does not fail its batch.
 *
 * Raises ApiError if the server stays unavailable; `progress` has received the outcomes until then.
 */
export async function judgeAll(texts: string[], known: (Outcome | null)[], steps: Steps): Promise<(Outcome | null)[]> {
  const outcomes = texts.map((text, index) => known[index] ?? (text.trim() ? null : { problem: "the text is empty" }));
  const open = outcomes.flatMap((outcome, index) => (outcome ? [] : [index]));
  const report = (waiting: string | null) => steps.progress([...outcomes], waiting);
  const batch = async (places: number[]): Promise<void> => {
    try {
      const found = await patiently(places.map((place) => texts[place]!), steps, report);
      places.forEach((place, index) => {
        outcomes[place] = { judgement: found[index]! };
      });
    } catch (error) {
      const lasting = error instanceof ApiError && !TEMPORARY.includes(error.trouble);
      if (!lasting) throw error;
      if (places.length === 1) outcomes[places[0]!] = { problem: error.message };
      else for (const place of places) await batch([place]);
    }
  };
  report(null);
  for (let at = 0; at < open.length && !steps.stopped(); at += BATCH) {
    await batch(open.slice(at, at + BATCH));
    report(null);
  }
  return outcomes;
}
