import { ApiError } from "../api/client";

/** Calibrated confidence (0.5 to 1) in words. */
export function sureness(confidence: number): { title: string; sentence: string } {
  const right = Math.round(confidence * 100);
  const [title, advice] =
    confidence >= 0.95
      ? ["Very sure", ""]
      : confidence >= 0.8
        ? ["Fairly sure", ""]
        : confidence >= 0.6
          ? ["Leaning", " Read the text yourself where it matters."]
          : ["Undecided", " That is little better than a coin: a mixed or neutral text often ends here."];
  const share = right >= 100 ? "more than 99" : `about ${right}`;
  return { title, sentence: `Of 100 answers given this surely, ${share} are right.${advice}` };
}

export interface Told {
  title: string;
  advice: string;
}

/** What happened, and what to do about it. `who` is the server that was asked. */
export function explainError(error: unknown, who: "predictor" | "monitor" = "predictor"): Told {
  if (!(error instanceof ApiError)) return { title: "The page failed", advice: String(error) };
  const wait = error.retryAfter ? `in ${error.retryAfter} s` : "in a moment";
  switch (error.trouble) {
    case "offline":
      return who === "predictor"
        ? {
            title: "The predictor does not answer",
            advice: "Start it with `sentiment serve --ui`, or look at its pods. This page notices when it is back.",
          }
        : {
            title: "The monitor does not answer",
            advice: "Start it with `sentiment serve --ui`, or look at its pod. Predictions go on without it.",
          };
    case "busy":
      return { title: "The server has too much to do", advice: `Nothing was lost. Ask again ${wait}.` };
    case "unready":
      return { title: "The server is not ready", advice: `${sentence(error.message)} Ask again ${wait}.` };
    case "refused":
      return { title: "The server did not take this", advice: sentence(error.message) };
    case "broken":
      return { title: "The server failed", advice: `${sentence(error.message)} Its log says more.` };
  }
}

function sentence(text: string): string {
  const trimmed = text.trim();
  return `${trimmed.charAt(0).toUpperCase()}${trimmed.slice(1)}${/[.!?]$/.test(trimmed) ? "" : "."}`;
}
