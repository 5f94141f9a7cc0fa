// Texts in, judged texts out, by V2 REST.
import { type Attribution, readAttributions } from "../lib/attributions";
import { type Timing, readTiming } from "../lib/timing";
import { ApiError, call } from "./client";
import type { components } from "./predictor.gen";

type Schemas = components["schemas"];
export type V2Request = Schemas["V2Request"];
export type V2Answer = Schemas["V2Answer"];
export type V2Metadata = Schemas["V2Metadata"];
export type Health = Schemas["HealthAnswer"];
/** The name of an output tensor. */
export type Output = NonNullable<V2Answer["outputs"]>[number]["name"];
export type Label = "negative" | "positive";

export const TRUNCATIONS = ["head", "head_tail", "window", "error"] as const;
export type Truncation = (typeof TRUNCATIONS)[number];

export interface Options {
  truncation?: Truncation | undefined;
  explain?: boolean | undefined;
}

export interface Judgement {
  text: string;
  id: string;
  label: Label;
  confidence: number;
  /** Calibrated P(positive). */
  positive: number;
  tokens: number;
  truncated: boolean;
  attributions: Attribution[] | null;
}

export interface Judged {
  release: string;
  judgements: Judgement[];
  timing: Timing;
}

const OUTPUTS: Output[] = ["label", "confidence", "probabilities", "prediction_id", "tokens", "truncated"];

export function inferPath(model: string): string {
  return `v2/models/${encodeURIComponent(model)}/infer`;
}

export function makeRequest(texts: string[], options: Options, outputs: Output[] = OUTPUTS): V2Request {
  const asked: Output[] = options.explain ? [...outputs, "attributions"] : outputs;
  const parameters: NonNullable<V2Request["parameters"]> = {};
  if (options.truncation) parameters.truncation = options.truncation;
  if (options.explain) parameters.explain = true;
  return {
    inputs: [{ name: "text", datatype: "BYTES", shape: [texts.length], data: texts }],
    outputs: asked.map((name) => ({ name })),
    ...(Object.keys(parameters).length ? { parameters } : {}),
  };
}

/** Raises ApiError where the answer lacks a tensor or has one of another length. */
export function readAnswer(texts: string[], answer: V2Answer): Judgement[] {
  const tensors = new Map((answer.outputs ?? []).map((output) => [output.name, output.data]));
  const tensor = (name: Output, each = 1): unknown[] => {
    const data = tensors.get(name);
    if (!data || data.length !== texts.length * each) {
      throw new ApiError("broken", `the answer's tensor ${name} does not fit ${texts.length} texts`);
    }
    return data;
  };
  const [labels, confidences, ids] = [tensor("label"), tensor("confidence"), tensor("prediction_id")];
  const [tokens, truncated, probabilities] = [tensor("tokens"), tensor("truncated"), tensor("probabilities", 2)];
  const attributions = tensors.get("attributions");
  return texts.map((text, index) => ({
    text,
    id: String(ids[index]),
    label: labels[index] === "positive" ? "positive" : "negative",
    confidence: Number(confidences[index]),
    positive: Number(probabilities[2 * index + 1]),
    tokens: Number(tokens[index]),
    truncated: Boolean(truncated[index]),
    attributions: attributions ? readAttributions(text, String(attributions[index])) : null,
  }));
}

export async function judge(model: string, texts: string[], options: Options, signal?: AbortSignal): Promise<Judged> {
  const answer = await call<V2Answer>(inferPath(model), makeRequest(texts, options), signal);
  return {
    release: answer.body.model_version,
    judgements: readAnswer(texts, answer.body),
    timing: readTiming(answer.headers.get("Server-Timing"), answer.milliseconds),
  };
}

export async function sendFeedback(id: string, label: Label): Promise<void> {
  await call("feedback", { prediction_id: id, label });
}
