import type { Hour } from "../api/monitor";

export interface HourOfDay {
  /** `14:00` in the reader's zone. */
  name: string;
  predictions: number;
  confidence: number | null;
}

const HOUR = 3_600_000;

/** The last `amount` hours, oldest first; an hour that the monitor omits had no predictions. */
export function fillHours(hours: Hour[], amount: number, now: number = Date.now()): HourOfDay[] {
  const known = new Map(hours.map((hour) => [new Date(hour.hour).getTime(), hour]));
  const last = Math.floor(now / HOUR) * HOUR;
  return Array.from({ length: amount }, (_, index) => {
    const at = last - (amount - 1 - index) * HOUR;
    const hour = known.get(at);
    return {
      name: new Date(at).toLocaleTimeString("en-GB", { hour: "2-digit", minute: "2-digit" }),
      predictions: hour?.predictions ?? 0,
      confidence: hour?.average_confidence ?? null,
    };
  });
}
