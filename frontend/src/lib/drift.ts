import type { Check, Statistic } from "../api/monitor";
import type { Tone } from "../ui/kit";

export const VERDICT_TONE: Record<string, Tone> = { stable: "good", warning: "warn", drift: "bad" };
export const verdictTone = (verdict: string): Tone => VERDICT_TONE[verdict] ?? "plain";

export const FAMILIES: [string, string][] = [
  ["data", "Data: are the texts like the reference's?"],
  ["concept", "Concept: does the model answer them alike?"],
  ["performance", "Performance: are its answers still right?"],
];

const TITLES: Record<string, string> = {
  embedding_classifier: "Embeddings: classifier",
  embedding_mmd: "Embeddings: MMD",
  margin: "Margin",
  confidence: "Confidence",
  label_share: "Positive answers",
  feedback_accuracy: "Accuracy by feedback",
  estimated_accuracy: "Estimated accuracy",
  chars: "Characters",
  words: "Words",
  mean_word_length: "Letters a word",
  upper_share: "Capitals",
  digit_share: "Digits",
  punctuation_share: "Punctuation",
  non_ascii_share: "Other than ASCII",
  html_tags: "HTML tags",
  exclamations: "Exclamation marks",
};

export function titleOf(name: string): string {
  const plain = name.replaceAll("_", " ");
  return TITLES[name] ?? plain.charAt(0).toUpperCase() + plain.slice(1);
}

/** The effect relative to its floor: at least 1 matters. */
export function sizeOf({ effect, effect_floor: floor }: Statistic): number {
  return effect != null && floor ? effect / floor : 0;
}

/** Whether the difference is significant, corrected for all tests of the check. */
export function significant({ p_value: p, threshold }: Statistic): boolean {
  return p != null && threshold != null && p <= threshold;
}

/** A test's outcome in words, by the same rules as the report. */
export function outcome(statistic: Statistic): { word: string; tone: Tone } {
  const size = sizeOf(statistic);
  if (!significant(statistic)) return { word: "no difference", tone: "plain" };
  if (size >= 1) return statistic.primary ? { word: "matters", tone: "bad" } : { word: "side evidence", tone: "warn" };
  return statistic.primary && size >= 0.5 ? { word: "small", tone: "warn" } : { word: "too small to matter", tone: "plain" };
}

/** Checks for the strip of verdicts, oldest first. */
export const oldestFirst = (checks: Check[]): Check[] => [...checks].sort((a, b) => a.id - b.id);
