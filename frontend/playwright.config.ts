import { defineConfig } from "@playwright/test";

export const CHROMIUM = process.env.CHROMIUM ?? "/usr/bin/chromium";

export default defineConfig({
  testDir: "browser",
  outputDir: "test-results",
  workers: 1,
  timeout: 90_000,
  expect: { timeout: 25_000 }, // the page asks the monitor again every 15 s
  reporter: [["list"]],
  use: {
    viewport: { width: 1280, height: 900 },
    trace: "off",
    launchOptions: {
      executablePath: CHROMIUM,
      args: ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"],
    },
  },
});
