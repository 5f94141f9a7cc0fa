import { describe, expect, it } from "vitest";
import { ApiError } from "../api/client";
import type { Judgement } from "../api/predict";
import { BATCH, type Outcome, judgeAll } from "./bulk";
import { parseCsv, readList, readTable, writeCsv } from "./csv";

const said = (text: string) => ({ text, label: "positive" }) as Judgement;
const TEXTS = Array.from({ length: BATCH * 2 + 3 }, (_, index) => `text ${index}`);

function stand(answer: (texts: string[], call: number) => Judgement[]) {
  const calls: string[][] = [];
  const waits: number[] = [];
  const told: (string | null)[] = [];
  let stopped = false;
  return {
    calls, waits, told,
    stop: () => { stopped = true; },
    steps: {
      ask: async (texts: string[]) => { calls.push(texts); return answer(texts, calls.length); },
      wait: async (seconds: number) => { waits.push(seconds); },
      progress: (_: (Outcome | null)[], waiting: string | null) => { told.push(waiting); },
      stopped: () => stopped,
    },
  };
}

describe("judgeAll", () => {
  it("asks in batches, in order", async () => {
    const { calls, steps } = stand((texts) => texts.map(said));
    const outcomes = await judgeAll(TEXTS, [], steps);
    expect(calls.map(({ length }) => length)).toEqual([BATCH, BATCH, 3]);
    expect(outcomes).toEqual(TEXTS.map((text) => ({ judgement: said(text) })));
  });

  it("waits as long as a busy server asks for", async () => {
    const { waits, told, steps } = stand((texts, call) => {
      if (call === 1) throw new ApiError("busy", "full", 429, 7);
      if (call === 2) throw new ApiError("offline", "gone");
      return texts.map(said);
    });
    await judgeAll(["a"], [], steps);
    expect(waits).toEqual([7, 2]);
    expect(told).toEqual([null, "The server has too much to do: again in 7 s", "The server is away: again in 2 s", null]);
  });

  it("lets a refused text cost itself only, and asks nothing for an empty one", async () => {
    const { steps } = stand((texts) => {
      if (texts.includes("bad")) throw new ApiError("refused", "text[0] is too long", 413);
      return texts.map(said);
    });
    expect(await judgeAll(["a", "bad", " ", "b"], [], steps)).toEqual([
      { judgement: said("a") },
      { problem: "text[0] is too long" },
      { problem: "the text is empty" },
      { judgement: said("b") },
    ]);
  });

  it("gives up on a server that stays away, and goes on where it was", async () => {
    const away = stand((texts, call) => {
      if (call > 1) throw new ApiError("unready", "starting", 503);
      return texts.map(said);
    });
    let kept: (Outcome | null)[] = [];
    away.steps.progress = (outcomes) => { kept = outcomes; };
    await expect(judgeAll(TEXTS, [], away.steps)).rejects.toThrow("starting");
    expect(kept.filter(Boolean)).toHaveLength(BATCH);
    const back = stand((texts) => texts.map(said));
    expect(await judgeAll(TEXTS, kept, back.steps)).not.toContain(null);
    expect(back.calls.flat()).toEqual(TEXTS.slice(BATCH));
  });

  it("stops between batches", async () => {
    const one = stand((texts) => { one.stop(); return texts.map(said); });
    expect((await judgeAll(TEXTS, [], one.steps)).filter(Boolean)).toHaveLength(BATCH);
  });
});

describe("csv", () => {
  it("brings any cell there and back", () => {
    const rows = [["text", "note"], ['say "no", please', "a\r\nb"], [" kept ", "ü🎬"], ["", "x"]];
    expect(parseCsv(writeCsv(rows))).toEqual(rows);
  });

  it("finds the texts", () => {
    expect(readTable("\uFEFFid,Text\n1,good\n\n2,\"bad,\nvery\"")).toEqual({
      head: ["id", "Text"], rows: [["1", "good"], ["2", "bad,\nvery"]], column: 1,
    });
    expect(readTable("one\ntwo\r\n")).toEqual({ head: ["text"], rows: [["one"], ["two"]], column: 0 });
    expect(() => readTable("id,body\n1,x")).toThrow("No column is named text; there are: id, body");
    expect(() => readTable("")).toThrow("empty");
    expect(readList("a, b\n\n c").rows).toEqual([["a, b"], [" c"]]);
  });
});
