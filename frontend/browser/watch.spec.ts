import { expect, test } from "./stand";

test("a drift check appears on the drift page, with its tests and its report", async ({ page, stand }) => {
  await stand.tell("traffic");
  const before = await stand.tell<{ verdict: string; reason: string }>("drift");
  await page.goto(`${stand.page}/#/drift`);
  await expect(page.getByTestId("verdict")).toHaveText(before.verdict);
  await expect(page.getByRole("region", { name: "Verdict", exact: true })).toContainText(before.reason);
  await expect(page.getByRole("row", { name: /^Margin/ })).toBeVisible();
  await page.getByRole("button", { name: "Show it here" }).click();
  const report = page.frameLocator("iframe");
  await expect(report.getByRole("heading", { level: 1 })).toHaveText(before.verdict);
  const strip = page.getByRole("region", { name: "Verdicts over time" }).getByRole("button");
  const count = await strip.count();
  await stand.tell("drift");
  await expect(strip).toHaveCount(count + 1, { timeout: 30_000 });
});

test("the health page counts the requests", async ({ page, stand }) => {
  await page.goto(`${stand.page}/#/health`);
  const now = page.getByRole("region", { name: "Now" });
  await expect(now).toContainText(`release ${stand.release}`);
  await expect(now).toContainText("reads all its sources");
  await expect(page.getByRole("region", { name: "Prediction log" })).toContainText("takes rows");
});

test("the model page shows who promoted which release", async ({ page, stand }) => {
  await page.goto(`${stand.page}/#/model`);
  await expect(page.getByRole("list", { name: "Promotions" })).toContainText(`mara promoted ${stand.release} in place of`);
  const matrix = page.getByRole("region", { name: "Confusion matrix" });
  const cells = matrix.locator("td strong");
  await expect(cells).toHaveCount(4);
  expect((await cells.allTextContents()).map(Number).reduce((sum, cell) => sum + cell, 0)).toBe(120);
});

test("pages are reached by keyboard, and announced", async ({ page, stand }) => {
  await page.goto(stand.page);
  await page.getByRole("link", { name: "Model" }).focus();
  await page.keyboard.press("Enter");
  await expect(page).toHaveTitle("Model · Sentiment");
  await expect(page.getByRole("main")).toBeFocused();
  await expect(page.getByRole("link", { name: "Model" })).toHaveAttribute("aria-current", "page");
});

test("the theme is switched, and kept", async ({ page, stand }) => {
  await page.goto(stand.page);
  const colour = () => page.evaluate(() => getComputedStyle(document.body).backgroundColor);
  const light = await colour();
  await page.getByLabel("Theme").selectOption("dark");
  await expect.poll(colour).not.toBe(light);
  await page.reload();
  expect(await colour()).not.toBe(light);
});

test("a monitor's outage is shown, and its last figures stay", async ({ page, stand }) => {
  await page.goto(`${stand.page}/#/health`);
  await expect(page.getByRole("region", { name: "Now" })).toBeVisible();
  await stand.tell("stop monitor");
  await expect(page.getByRole("alert")).toContainText("The monitor does not answer", { timeout: 30_000 });
  await expect(page.getByRole("region", { name: "Now" })).toBeVisible();
  await stand.tell("start monitor");
  await page.getByRole("button", { name: "Try again" }).click();
  await expect(page.getByRole("alert")).toBeHidden();
});
