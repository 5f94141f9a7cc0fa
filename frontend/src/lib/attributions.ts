/** A span of the text, [start, end) in UTF-16 units, with its weight for "positive" (below 0: against). */
export interface Attribution {
  start: number;
  end: number;
  weight: number;
}

export interface Piece {
  text: string;
  /** -1 to 1, relative to the strongest span; 0 for text without a weight. */
  strength: number;
}

function entry(value: unknown): [number, number, number] | null {
  if (Array.isArray(value)) {
    const numbers = value.filter((part): part is number => typeof part === "number");
    return numbers.length === 3 ? [numbers[0]!, numbers[1]!, numbers[2]!] : null;
  }
  if (typeof value !== "object" || value === null) return null;
  const fields = value as Record<string, unknown>;
  const weight = fields.weight ?? fields.score ?? fields.attribution ?? fields.value;
  if (typeof fields.start !== "number" || typeof fields.end !== "number" || typeof weight !== "number") return null;
  return [fields.start, fields.end, weight];
}

/**
 * Parse the server's JSON for one text: a list of spans, or an object that holds one. Offsets count code points; spans
 * that overlap or lie outside of the text are left out. Returns null for invalid JSON or without a list.
 */
export function readAttributions(text: string, raw: string): Attribution[] | null {
  let document: unknown;
  try {
    document = JSON.parse(raw);
  } catch {
    return null;
  }
  const list = Array.isArray(document) ? document : Object.values(document ?? {}).find(Array.isArray);
  if (!list) return null;
  const units: number[] = [0];
  for (const character of text) units.push(units[units.length - 1]! + character.length);
  const found: Attribution[] = [];
  let last = 0;
  for (const value of list) {
    const read = entry(value);
    if (!read) continue;
    const [from, to, weight] = read;
    const [start, end] = [units[from], units[to]];
    if (start === undefined || end === undefined || start < last || end <= start || !Number.isFinite(weight)) continue;
    found.push({ start, end, weight });
    last = end;
  }
  return found;
}

/** Split the text into pieces with a strength each; joined, they are the text. */
export function pieces(text: string, attributions: Attribution[]): Piece[] {
  const most = Math.max(...attributions.map(({ weight }) => Math.abs(weight)), 1e-12);
  const cut: Piece[] = [];
  let at = 0;
  for (const { start, end, weight } of attributions) {
    if (start > at) cut.push({ text: text.slice(at, start), strength: 0 });
    cut.push({ text: text.slice(start, end), strength: weight / most });
    at = end;
  }
  if (at < text.length) cut.push({ text: text.slice(at), strength: 0 });
  return cut;
}

/** The strongest words for each label, for users who cannot see the colours. */
export function strongest(text: string, attributions: Attribution[], count = 5): { for: string[]; against: string[] } {
  const sorted = [...attributions].sort((a, b) => Math.abs(b.weight) - Math.abs(a.weight));
  const words = (sign: number) =>
    sorted.filter(({ weight }) => weight * sign > 0).slice(0, count).map(({ start, end }) => text.slice(start, end));
  return { for: words(1), against: words(-1) };
}
