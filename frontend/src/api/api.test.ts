import { afterEach, describe, expect, it, vi } from "vitest";
import { explainError, sureness } from "../lib/words";
import { readTiming } from "../lib/timing";
import { ApiError, call } from "./client";
import { type Output, type V2Answer, makeRequest, readAnswer } from "./predict";

const answering = (status: number, body: string, headers = {}) =>
  vi.stubGlobal("fetch", vi.fn(async () => new Response(body, { status, headers })));
afterEach(() => vi.unstubAllGlobals());

const failure = async (): Promise<ApiError> => {
  const error = await call("x").catch((caught: unknown) => caught);
  expect(error).toBeInstanceOf(ApiError);
  return error as ApiError;
};

describe("call", () => {
  it.each([
    [429, "busy"],
    [503, "unready"],
    [502, "offline"],
    [504, "offline"],
    [500, "broken"],
    [400, "refused"],
  ])("takes %i as %s", async (status, trouble) => {
    answering(status, '{"error": "text: why"}', { "Retry-After": "3" });
    expect(await failure()).toMatchObject({ trouble, status, retryAfter: 3, message: "text: why" });
  });

  it("takes no answer as offline, and other words than ours as they are", async () => {
    vi.stubGlobal("fetch", vi.fn(async () => Promise.reject(new TypeError("failed"))));
    expect((await failure()).trouble).toBe("offline");
    answering(413, "<html>", { "Retry-After": "soon" });
    expect(await failure()).toMatchObject({ message: "the server answered 413", retryAfter: undefined });
    answering(200, "<html>");
    expect((await failure()).trouble).toBe("broken");
  });
});

describe("V2", () => {
  const answer = (changes = {}): V2Answer => ({
    model_name: "sentiment",
    model_version: "abc",
    outputs: Object.entries({
      label: ["negative", "positive"],
      confidence: [0.9, 0.6],
      probabilities: [0.9, 0.1, 0.4, 0.6],
      prediction_id: ["a", "b"],
      tokens: [5, 600],
      truncated: [false, true],
      ...changes,
    }).map(([name, data]) => ({ name: name as Output, datatype: "BYTES" as const, shape: [2], data })),
  });

  it("requests attributions only as an option", () => {
    expect(makeRequest(["a"], {}).parameters).toBeUndefined();
    const asked = makeRequest(["a", "b"], { explain: true, truncation: "head" });
    expect(asked.parameters).toEqual({ explain: true, truncation: "head" });
    expect(asked.outputs!.at(-1)).toEqual({ name: "attributions" });
    expect(asked.inputs[0]!.shape).toEqual([2]);
  });

  it("puts the tensors together by text", () => {
    const [first, second] = readAnswer(["x", "y"], answer());
    expect(first).toMatchObject({ text: "x", label: "negative", positive: 0.1, tokens: 5, attributions: null });
    expect(second).toMatchObject({ text: "y", label: "positive", positive: 0.6, truncated: true, id: "b" });
  });

  it("refuses a tensor that does not fit", () => {
    expect(() => readAnswer(["x", "y"], answer({ tokens: [5] }))).toThrow("tokens does not fit 2 texts");
  });
});

describe("words", () => {
  it("says what a calibrated confidence means", () => {
    expect(sureness(0.997)).toEqual({ title: "Very sure", sentence: "Of 100 answers with this confidence, more than 99 are correct." });
    expect(sureness(0.72).sentence).toContain("about 72 are correct");
    expect(sureness(0.5).title).toBe("Undecided");
  });

  it.each([
    [new ApiError("busy", "full", 429, 4), "Try again in 4 s."],
    [new ApiError("unready", "model is loading", 503), "Model is loading. Try again in a moment."],
    [new ApiError("offline", "x"), "`sentiment serve --ui`"],
    [new ApiError("refused", "text[0] is empty; send some words", 400), "Text[0] is empty; send some words."],
  ])("says what to do about %o", (error, advice) => {
    expect(explainError(error).advice).toContain(advice);
  });
});

describe("timing", () => {
  it("splits the time, and the parts add up to it", () => {
    const timing = readTiming("tokenise;dur=1, queue;dur=2, engine;dur=5, total;dur=10", 14);
    expect(timing.parts.map(({ milliseconds }) => milliseconds)).toEqual([4, 2, 1, 7]);
    expect(readTiming(null, 14)).toEqual({ total: 14, server: null, parts: [] });
  });
});
