import { execFileSync } from "node:child_process";
import { describe, expect, it } from "vitest";
import { python, snippets } from "./snippets";

const WHERE = { origin: "https://page.example", grpc: "page.example:8081", model: "sentiment" };
const NASTY = `It's "fine" \\ $HOME \`id\`\nnext 🎬 {x} %`;

const code = (name: string, text = NASTY, options = {}): string =>
  snippets(WHERE, text, options).find((snippet) => snippet.name === name)!.code;

describe("snippets", () => {
  it("gives curl the text unharmed by the shell", () => {
    const command = code("curl").replace(/^curl/, "printf '%s\\0'");
    const parts = execFileSync("sh", ["-c", command]).toString().split("\0");
    expect(parts[1]).toBe("https://page.example/v2/models/sentiment/infer");
    expect(JSON.parse(parts[3]!).inputs[0]).toEqual({ name: "text", datatype: "BYTES", shape: [1], data: [NASTY] });
  });

  it.each(["requests", "tritonclient", "gRPC"])("writes %s as Python that holds the text", (name) => {
    const program = `import ast, json, sys
tree = ast.parse(sys.stdin.read())
print(json.dumps([node.value for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str)]))`;
    const strings = JSON.parse(execFileSync("python3", ["-c", program], { input: code(name) }).toString()) as string[];
    expect(strings).toContain(NASTY);
  });

  it("asks triton's REST client for TLS only where the page has it", () => {
    expect(code("tritonclient")).toContain('InferenceServerClient("page.example", ssl=True)');
    expect(code("gRPC")).toContain('InferenceServerClient("page.example:8081")');
  });

  it("passes the options on", () => {
    const options = { truncation: "window" as const, explain: true };
    expect(code("requests", "x", options)).toContain('"parameters": {"truncation": "window", "explain": True}');
    expect(code("requests", "x", options)).toContain('{"name": "attributions"}');
    expect(code("gRPC", "x", options)).toContain('parameters={"truncation": "window"}');
  });

  it("knows Python's constants", () => {
    expect(python({ a: [true, false, null, 1.5] })).toBe('{"a": [True, False, None, 1.5]}');
  });
});
