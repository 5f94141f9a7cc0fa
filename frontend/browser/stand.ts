// The programs behind the page, started once for all journeys: tests/frontend/stand.py.
import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { test as base } from "@playwright/test";

const ROOT = join(import.meta.dirname, "../..");

export class Stand {
  page = "";
  release = "";
  private readonly folder = mkdtempSync(join(tmpdir(), "stand-"));
  private readonly process: ChildProcess;
  private readonly lines: AsyncIterator<string>;

  constructor() {
    const python = process.env.PYTHON ?? join(ROOT, process.env.VENV ?? ".venv", "bin/python");
    this.process = spawn(python, [join(ROOT, "tests/frontend/stand.py"), this.folder], {
      stdio: ["pipe", "pipe", "inherit"],
      env: {
        ...process.env,
        PYTHONPATH: `${ROOT}/tests:${ROOT}`,
        PYTHONWARNINGS: "ignore",
        TRANSFORMERS_VERBOSITY: "error",
      },
    });
    this.lines = createInterface({ input: this.process.stdout! })[Symbol.asyncIterator]();
  }

  private async answer(): Promise<Record<string, unknown>> {
    const { value, done } = await this.lines.next();
    if (done) throw new Error("the stand has ended; see its output above");
    return JSON.parse(value) as Record<string, unknown>;
  }

  async ready(): Promise<this> {
    const addresses = await this.answer();
    this.page = String(addresses.page);
    this.release = String(addresses.release);
    return this;
  }

  /** Run one of the stand's commands, and return its result. */
  async tell<T = unknown>(command: string): Promise<T> {
    this.process.stdin!.write(`${command}\n`);
    return (await this.answer()).done as T;
  }

  async end(): Promise<void> {
    const over = new Promise((resolve) => this.process.once("exit", resolve));
    this.process.stdin!.end();
    await over;
    rmSync(this.folder, { recursive: true, force: true });
  }
}

export const test = base.extend<object, { stand: Stand }>({
  stand: [
    async ({}, use) => {
      const stand = await new Stand().ready();
      await stand.tell("history");
      await use(stand);
      await stand.end();
    },
    { scope: "worker", timeout: 180_000 },
  ],
});

export { expect } from "@playwright/test";
