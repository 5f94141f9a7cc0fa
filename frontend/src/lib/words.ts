import { ApiError } from "../api/client";

/** Describe a calibrated confidence (0.5 to 1). */
export function sureness(confidence: number): { title: string; sentence: string } {
  const right = Math.round(confidence * 100);
  const [title, advice] =
    confidence >= 0.95
      ? ["Very sure", ""]
      : confidence >= 0.8
        ? ["Fairly sure", ""]
        : confidence >= 0.6
          ? ["Leaning", " Read the text yourself where it matters."]
          : ["Undecided", " That is little better than a coin toss, as is common for mixed or neutral texts."];
  const share = right >= 100 ? "more than 99" : `about ${right}`;
  return { title, sentence: `Of 100 answers with this confidence, ${share} are correct.${advice}` };
}

export interface Explanation {
  title: string;
  advice: string;
}

/** Explain an error, with advice. `who` is the server of the failed request. */
export function explainError(error: unknown, who: "predictor" | "monitor" = "predictor"): Explanation {
  if (!(error instanceof ApiError)) return { title: "The page failed", advice: String(error) };
  const wait = error.retryAfter ? `in ${error.retryAfter} s` : "in a moment";
  switch (error.trouble) {
    case "offline":
      return who === "predictor"
        ? {
            title: "The predictor does not answer",
            advice: "Start it with `sentiment serve --ui`, or look at its pods. This page recovers when it is back.",
          }
        : {
            title: "The monitor does not answer",
            advice: "Start it with `sentiment serve --ui`, or look at its pod. Predictions continue without it.",
          };
    case "busy":
      return { title: "The server is overloaded", advice: `Nothing was lost. Try again ${wait}.` };
    case "unready":
      return { title: "The server is not ready", advice: `${sentence(error.message)} Try again ${wait}.` };
    case "refused":
      return { title: "The server refused the request", advice: sentence(error.message) };
    case "broken":
      return { title: "The server failed", advice: `${sentence(error.message)} Its log has the details.` };
  }
}

function sentence(text: string): string {
  const trimmed = text.trim();
  return `${trimmed.charAt(0).toUpperCase()}${trimmed.slice(1)}${/[.!?]$/.test(trimmed) ? "" : "."}`;
}
