/** Parse rows of RFC 4180: quoted cells may hold commas, quotes and line breaks. Blank lines are left out. */
export function parseCsv(raw: string): string[][] {
  const text = raw.replace(/^\uFEFF/, "");
  const rows: string[][] = [];
  let row: string[] = [];
  let cell = "";
  let quoted = false;
  const endRow = () => {
    row.push(cell);
    if (row.length > 1 || row[0] !== "") rows.push(row);
    [row, cell] = [[], ""];
  };
  for (let at = 0; at < text.length; at += 1) {
    const character = text[at]!;
    if (quoted) {
      if (character !== '"') cell += character;
      else if (text[at + 1] === '"') [cell, at] = [`${cell}"`, at + 1];
      else quoted = false;
    } else if (character === '"' && cell === "") quoted = true;
    else if (character === ",") {
      row.push(cell);
      cell = "";
    } else if (character === "\n" || character === "\r") {
      if (character === "\r" && text[at + 1] === "\n") at += 1;
      endRow();
    } else cell += character;
  }
  if (cell !== "" || row.length) endRow();
  return rows;
}

export function writeCsv(rows: (string | number | boolean)[][]): string {
  const cell = (value: string | number | boolean): string => {
    const text = String(value);
    return /[",\r\n]|^\s|\s$/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
  };
  return rows.map((row) => `${row.map(cell).join(",")}\r\n`).join("");
}

export interface Table {
  head: string[];
  rows: string[][];
  /** The column that holds the texts. */
  column: number;
}

const TEXT_COLUMNS = ["text", "review", "comment", "content"];

/** Read a CSV file's table. Raises an Error that names the remedy. */
export function readTable(raw: string): Table {
  const rows = parseCsv(raw);
  const first = rows[0];
  if (!first) throw new Error("The file is empty.");
  const names = first.map((name) => name.trim().toLowerCase());
  const column = TEXT_COLUMNS.map((name) => names.indexOf(name)).find((index) => index >= 0);
  if (column !== undefined) return { head: first, rows: rows.slice(1), column };
  if (rows.every((row) => row.length === 1)) return { head: ["text"], rows, column: 0 };
  throw new Error(`The file has no column named text (columns: ${first.slice(0, 8).join(", ")}). Rename one to text.`);
}

/** Read a pasted list, one text a line. */
export function readList(raw: string): Table {
  const rows = raw.split(/\r?\n/).filter((line) => line.trim()).map((line) => [line]);
  return { head: ["text"], rows, column: 0 };
}
