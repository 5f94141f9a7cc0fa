// Many texts in small batches, one after another, so that other people's questions go in between.
import { ApiError } from "../api/client";
import type { Judgement } from "../api/predict";

export type Outcome = { judgement: Judgement } | { problem: string };

export interface Steps {
  ask: (texts: string[]) => Promise<Judgement[]>;
  /** Wait so many seconds. */
  wait: (seconds: number) => Promise<void>;
  /** Told after each batch, and when the server makes us wait. */
  progress: (outcomes: (Outcome | null)[], waiting: string | null) => void;
  stopped: () => boolean;
}

export const BATCH = 16;
const TRIES = 8;
const LONGEST_WAIT = 30;
const TEMPORARY = ["busy", "unready", "offline"];

/** The answers for a batch, asked again while the server is busy or away. Raises ApiError when it stays so. */
async function patiently(texts: string[], steps: Steps, told: (waiting: string) => void): Promise<Judgement[]> {
  for (let tries = 1; ; tries += 1) {
    try {
      return await steps.ask(texts);
    } catch (error) {
      if (!(error instanceof ApiError) || !TEMPORARY.includes(error.trouble) || tries === TRIES || steps.stopped()) throw error;
      const seconds = Math.min(LONGEST_WAIT, error.retryAfter ?? 2 ** (tries - 1));
      told(`${error.trouble === "busy" ? "The server has too much to do" : "The server is away"}: again in ${seconds} s`);
      await steps.wait(seconds);
    }
  }
}

/**
 * Judge all texts that `known` has no outcome for; the outcomes, null where it was stopped before. A text that the
 * server refuses costs itself only.
 *
 * Raises ApiError where the server stays away; what was judged until then was told to `progress`.
 */
export async function judgeAll(texts: string[], known: (Outcome | null)[], steps: Steps): Promise<(Outcome | null)[]> {
  const outcomes = texts.map((text, index) => known[index] ?? (text.trim() ? null : { problem: "the text is empty" }));
  const open = outcomes.flatMap((outcome, index) => (outcome ? [] : [index]));
  const tell = (waiting: string | null) => steps.progress([...outcomes], waiting);
  const batch = async (places: number[]): Promise<void> => {
    try {
      const found = await patiently(places.map((place) => texts[place]!), steps, tell);
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
  tell(null);
  for (let at = 0; at < open.length && !steps.stopped(); at += BATCH) {
    await batch(open.slice(at, at + BATCH));
    tell(null);
  }
  return outcomes;
}
