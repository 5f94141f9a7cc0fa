// Makes src/api/*.gen.ts from openapi/*.json; `--check` writes nothing and ends with 1 where a file is not what it makes.
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import openapiTS, { astToString } from "openapi-typescript";

const check = process.argv.includes("--check");
let stale = 0;
for (const name of ["predictor", "monitor"]) {
  const source = JSON.parse(readFileSync(new URL(`../openapi/${name}.json`, import.meta.url), "utf8"));
  const head = `// Made by \`make frontend-types\` from openapi/${name}.json.\n`;
  const text = head + astToString(await openapiTS(source, { defaultNonNullable: false }));
  const target = new URL(`../src/api/${name}.gen.ts`, import.meta.url);
  if (existsSync(target) && readFileSync(target, "utf8") === text) continue;
  if (check) {
    console.error(`src/api/${name}.gen.ts is not what openapi/${name}.json says. Type: make frontend-types`);
    stale = 1;
  } else writeFileSync(target, text);
}
process.exit(stale);
