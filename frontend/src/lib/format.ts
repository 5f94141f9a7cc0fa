const whole = new Intl.NumberFormat("en");

export const count = (value: number): string => whole.format(value);
export const percent = (share: number, digits = 1): string => `${(share * 100).toFixed(digits)} %`;

export function milliseconds(value: number): string {
  if (value >= 1000) return `${(value / 1000).toFixed(2)} s`;
  return value >= 10 ? `${Math.round(value)} ms` : `${value.toFixed(1)} ms`;
}

export function bytes(value: number): string {
  const units = ["B", "kB", "MB", "GB", "TB"];
  const step = value < 1 ? 0 : Math.min(units.length - 1, Math.floor(Math.log10(value) / 3));
  const scaled = value / 1000 ** step;
  return `${step && scaled < 100 ? scaled.toFixed(1) : Math.round(scaled)} ${units[step]}`;
}

/** `24 Nov 2026, 15:04` in the reader's zone. */
export function when(value: string | number | Date): string {
  return new Date(value).toLocaleString("en-GB", { dateStyle: "medium", timeStyle: "short" });
}

/** `3 minutes ago`. */
export function ago(value: string | number | Date, now: number = Date.now()): string {
  const seconds = Math.max(0, (now - new Date(value).getTime()) / 1000);
  const steps: [number, string][] = [
    [86400, "day"],
    [3600, "hour"],
    [60, "minute"],
  ];
  for (const [size, unit] of steps) {
    const amount = Math.floor(seconds / size);
    if (amount >= 1) return `${amount} ${unit}${amount > 1 ? "s" : ""} ago`;
  }
  return "just now";
}
