import { describe, expect, it } from "vitest";
import { ApiError } from "../api/client";
import type { Judgement } from "../api/predict";
import { BATCH, type Outcome, judgeAll } from "./bulk";
import { parseCsv, readList, readTable, writeCsv } from "./csv";

const judged = (text: string) => ({ text, label: "positive" }) as Judgement;
const TEXTS = Array.from({ length: BATCH * 2 + 3 }, (_, index) => `text ${index}`);

function stand(answer: (texts: string[], call: number) => Judgement[]) {
  const calls: string[][] = [];
  const waits: number[] = [];
  const messages: (string | null)[] = [];
  let stopped = false;
  return {
    calls, waits, messages,
    stop: () => { stopped = true; },
    steps: {
      ask: async (texts: string[]) => { calls.push(texts); return answer(texts, calls.length); },
      wait: async (seconds: number) => { waits.push(seconds); },
      progress: (_: (Outcome | null)[], waiting: string | null) => { messages.push(waiting); },
      stopped: () => stopped,
    },
  };
}

describe("judgeAll", () => {
  it("asks in batches, in order", async () => {
    const { calls, steps } = stand((texts) => texts.map(judged));
    const outcomes = await judgeAll(TEXTS, [], steps);
    expect(calls.map(({ length }) => length)).toEqual([BATCH, BATCH, 3]);
    expect(outcomes).toEqual(TEXTS.map((text) => ({ judgement: judged(text) })));
  });

  it("waits as long as a busy server requests", async () => {
    const { waits, messages, steps } = stand((texts, call) => {
      if (call === 1) throw new ApiError("busy", "full", 429, 7);
      if (call === 2) throw new ApiError("offline", "gone");
      return texts.map(judged);
    });
    await judgeAll(["a"], [], steps);
    expect(waits).toEqual([7, 2]);
    expect(messages).toEqual([null, "The server is overloaded: retry in 7 s", "The server is not available: retry in 2 s", null]);
  });

  it("judges the rest of a batch with a refused text, and sends no empty text", async () => {
    const { steps } = stand((texts) => {
      if (texts.includes("bad")) throw new ApiError("refused", "text[0] is too long", 413);
      return texts.map(judged);
    });
    expect(await judgeAll(["a", "bad", " ", "b"], [], steps)).toEqual([
      { judgement: judged("a") },
      { problem: "text[0] is too long" },
      { problem: "the text is empty" },
      { judgement: judged("b") },
    ]);
  });

  it("gives up on a server that stays unavailable, and resumes at the first open text", async () => {
    const away = stand((texts, call) => {
      if (call > 1) throw new ApiError("unready", "starting", 503);
      return texts.map(judged);
    });
    let kept: (Outcome | null)[] = [];
    away.steps.progress = (outcomes) => { kept = outcomes; };
    await expect(judgeAll(TEXTS, [], away.steps)).rejects.toThrow("starting");
    expect(kept.filter(Boolean)).toHaveLength(BATCH);
    const back = stand((texts) => texts.map(judged));
    expect(await judgeAll(TEXTS, kept, back.steps)).not.toContain(null);
    expect(back.calls.flat()).toEqual(TEXTS.slice(BATCH));
  });

  it("stops between batches", async () => {
    const one = stand((texts) => { one.stop(); return texts.map(judged); });
    expect((await judgeAll(TEXTS, [], one.steps)).filter(Boolean)).toHaveLength(BATCH);
  });
});

describe("csv", () => {
  it("reads back every cell that it writes", () => {
    const rows = [["text", "note"], ['say "no", please', "a\r\nb"], [" kept ", "ü🎬"], ["", "x"]];
    expect(parseCsv(writeCsv(rows))).toEqual(rows);
  });

  it("finds the texts", () => {
    expect(readTable("\uFEFFid,Text\n1,good\n\n2,\"bad,\nvery\"")).toEqual({
      head: ["id", "Text"], rows: [["1", "good"], ["2", "bad,\nvery"]], column: 1,
    });
    expect(readTable("one\ntwo\r\n")).toEqual({ head: ["text"], rows: [["one"], ["two"]], column: 0 });
    expect(() => readTable("id,body\n1,x")).toThrow("The file has no column named text (columns: id, body). Rename one to text.");
    expect(() => readTable("")).toThrow("empty");
    expect(readList("a, b\n\n c").rows).toEqual([["a, b"], [" c"]]);
  });
});
