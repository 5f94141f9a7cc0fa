// The page's request, to be copied. Each snippet is complete and runs unchanged.
import { type Options, type V2Request, makeRequest } from "../api/predict";

export interface Where {
  /** Such as http://localhost:8088, without a slash at its end. */
  origin: string;
  /** host:port of gRPC. */
  grpc: string;
  model: string;
}

export interface Snippet {
  name: string;
  needs: string;
  code: string;
}

const shell = (text: string): string => `'${text.replaceAll("'", `'\\''`)}'`;

/** JSON strings are Python strings too; true and false are not. */
export function python(value: unknown, indent = ""): string {
  if (value === true) return "True";
  if (value === false) return "False";
  if (value === null) return "None";
  if (Array.isArray(value)) return `[${value.map((item) => python(item, indent)).join(", ")}]`;
  if (typeof value === "object") {
    const inner = Object.entries(value).map(([name, item]) => `${JSON.stringify(name)}: ${python(item, indent)}`);
    return `{${inner.join(", ")}}`;
  }
  return JSON.stringify(value);
}

function curl(where: Where, body: V2Request): string {
  return `curl -s ${where.origin}/v2/models/${where.model}/infer -d ${shell(JSON.stringify(body))}`;
}

function requests(where: Where, body: V2Request): string {
  return `import requests

body = ${python(body)}
answer = requests.post("${where.origin}/v2/models/${where.model}/infer", json=body, timeout=30)
answer.raise_for_status()
for output in answer.json()["outputs"]:
    print(output["name"], output["data"])`;
}

function triton(where: Where, text: string, options: Options, transport: "http" | "grpc"): string {
  const url = transport === "http" ? where.origin.replace(/^https?:\/\//, "") : where.grpc;
  const secure = transport === "http" && where.origin.startsWith("https:") ? ", ssl=True" : "";
  const parameters = options.truncation ? `, parameters=${python({ truncation: options.truncation })}` : "";
  return `import numpy as np
import tritonclient.${transport} as client

server = client.InferenceServerClient("${url}"${secure})
text = client.InferInput("text", [1], "BYTES")
text.set_data_from_numpy(np.array([${JSON.stringify(text)}], dtype=object))
answer = server.infer("${where.model}", [text]${parameters})
print(answer.as_numpy("label"), answer.as_numpy("probabilities"))`;
}

/** The same request for every client. */
export function snippets(where: Where, text: string, options: Options): Snippet[] {
  const body = makeRequest([text], options, ["label", "confidence", "probabilities", "prediction_id"]);
  return [
    { name: "curl", needs: "", code: curl(where, body) },
    { name: "requests", needs: "pip install requests", code: requests(where, body) },
    { name: "tritonclient", needs: "pip install tritonclient[http]", code: triton(where, text, options, "http") },
    { name: "gRPC", needs: "pip install tritonclient[grpc]", code: triton(where, text, options, "grpc") },
  ];
}
