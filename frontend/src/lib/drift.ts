import type { Check } from "../api/monitor";
import type { Tone } from "../ui/kit";

export const VERDICT_TONE: Record<string, Tone> = { stable: "good", warning: "warn", drift: "bad" };
export const verdictTone = (verdict: string): Tone => VERDICT_TONE[verdict] ?? "plain";

export const FAMILIES: [string, string][] = [
  ["data", "Data: are the texts like the reference's?"],
  ["concept", "Concept: does the model score them as before?"],
  ["performance", "Performance: are its answers still right?"],
];

const OUTCOME_TONE: Record<string, Tone> = { matters: "bad", "side evidence": "warn", small: "warn" };
export const outcomeTone = (outcome: string): Tone => OUTCOME_TONE[outcome] ?? "plain";

/** Checks for the strip of verdicts, oldest first. */
export const oldestFirst = (checks: Check[]): Check[] => [...checks].sort((a, b) => a.id - b.id);
