// Every page as a picture, light, dark and phone, and held against axe's rules: var/screens/.
import { join } from "node:path";
import AxeBuilder from "@axe-core/playwright";
import type { Page } from "@playwright/test";
import { expect, test } from "./stand";

const FOLDER = join(import.meta.dirname, "../../var/screens");
const LOOKS = [
  { name: "light", width: 1280, dark: false },
  { name: "dark", width: 1280, dark: true },
  { name: "phone", width: 390, dark: false },
];
const TEXT = "The pictures are gorgeous and the music is lovely, but the story goes nowhere and ends too late.";

const PAGES: { name: string; open: (page: Page, address: string) => Promise<void> }[] = [
  {
    name: "try",
    open: async (page, address) => {
      await page.goto(`${address}/#/try?text=${encodeURIComponent(TEXT)}`);
      await expect(page.getByTestId("label")).toBeVisible();
    },
  },
  {
    name: "many",
    open: async (page, address) => {
      await page.goto(address);
      await page.getByLabel("Texts, one a line").fill(`${TEXT}\nTwo hours I will not get back.\nA warm, funny film.`);
      await page.getByRole("button", { name: "Judge the list" }).click();
      await expect(page.getByText(/^3 of 3/)).toBeVisible();
    },
  },
  {
    name: "health",
    open: async (page, address) => {
      await page.goto(`${address}/#/health`);
      await expect(page.getByRole("img", { name: /^Predictions by hour/ })).toBeVisible();
    },
  },
  {
    name: "drift",
    open: async (page, address) => {
      await page.goto(`${address}/#/drift`);
      await expect(page.getByTestId("verdict")).toBeVisible();
      await expect(page.getByText(/ novelty$/).first()).toBeAttached();
    },
  },
  {
    name: "model",
    open: async (page, address) => {
      await page.goto(`${address}/#/model`);
      await expect(page.getByRole("img", { name: /^Reliability/ })).toBeVisible();
    },
  },
];

test.beforeAll(async ({ stand }) => {
  test.setTimeout(180_000);
  await stand.tell("traffic");
  await stand.tell("drift");
});

for (const look of LOOKS) {
  for (const { name, open } of PAGES) {
    test(`${name}, ${look.name}`, async ({ browser, stand }) => {
      const context = await browser.newContext({
        viewport: { width: look.width, height: 900 },
        colorScheme: look.dark ? "dark" : "light",
        reducedMotion: "reduce",
      });
      const page = await context.newPage();
      await open(page, stand.page);
      await page.screenshot({ path: join(FOLDER, `${name}-${look.name}.png`), fullPage: true });
      const { violations } = await new AxeBuilder({ page }).analyze();
      expect(violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join(" ")}`)).toEqual([]);
      const wide = await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
      expect(wide, "nothing is wider than the screen").toBeLessThanOrEqual(0);
      await context.close();
    });
  }
}
