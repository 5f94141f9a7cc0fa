/** Milliseconds of one request: `server` is null without the header Server-Timing. */
export interface Timing {
  total: number;
  server: number | null;
  parts: { name: string; milliseconds: number }[];
}

/** Read the header Server-Timing: `tokenise;dur=0.4, queue;dur=1.1, engine;dur=6.0, total;dur=8.0`. */
export function readTiming(header: string | null, total: number): Timing {
  const durations = new Map<string, number>();
  for (const [, name, value] of (header ?? "").matchAll(/([\w-]+);dur=([\d.]+)/g)) durations.set(name!, Number(value));
  const server = durations.get("total");
  if (server === undefined) return { total, server: null, parts: [] };
  const [tokenise, model] = [durations.get("tokenise") ?? 0, (durations.get("queue") ?? 0) + (durations.get("engine") ?? 0)];
  const parts = [
    { name: "Network and browser", milliseconds: Math.max(0, total - server) },
    { name: "Reading, logging", milliseconds: Math.max(0, server - tokenise - model) },
    { name: "Tokens", milliseconds: tokenise },
    { name: "Model, its queue", milliseconds: model },
  ];
  return { total, server, parts };
}
