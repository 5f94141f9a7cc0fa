import { describe, expect, it } from "vitest";
import { pieces, readAttributions, strongest } from "./attributions";

const TEXT = "🎬 good, not bad";

describe("attributions", () => {
  it("counts characters as the server does, not UTF-16 units", () => {
    const raw = JSON.stringify([{ start: 2, end: 6, weight: 0.5 }, { start: 12, end: 15, weight: -1 }]);
    const found = readAttributions(TEXT, raw)!;
    expect(found.map(({ start, end }) => TEXT.slice(start, end))).toEqual(["good", "bad"]);
  });

  it.each([
    ['[[2, 6, 0.5]]', ["good"]],
    ['{"words": [{"start": 2, "end": 6, "score": 0.5}]}', ["good"]],
    ['[[2, 6, 0.5], [4, 8, 1], [12, 99, 1], [6, 6, 1], "x", null]', ["good"]],
  ])("reads %s", (raw, words) => {
    expect(readAttributions(TEXT, raw)!.map(({ start, end }) => TEXT.slice(start, end))).toEqual(words);
  });

  it.each(["", "null", "3", "{}"])("gives nothing for %j", (raw) => {
    expect(readAttributions(TEXT, raw)).toBeNull();
  });

  it("cuts the text into pieces that are the text", () => {
    const found = readAttributions(TEXT, "[[2, 6, 0.5], [12, 15, -1]]")!;
    const cut = pieces(TEXT, found);
    expect(cut.map(({ text }) => text).join("")).toBe(TEXT);
    expect(cut.filter(({ strength }) => strength).map(({ text, strength }) => [text, strength])).toEqual([
      ["good", 0.5],
      ["bad", -1],
    ]);
    expect(strongest(TEXT, found)).toEqual({ for: ["good"], against: ["bad"] });
  });
});
