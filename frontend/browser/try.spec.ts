import { readFileSync } from "node:fs";
import { expect, test } from "./stand";

const TEXT = "A warm, funny film that never puts a foot wrong.";

test("a typed review is judged, and the answer is complete", async ({ page, stand }) => {
  const elsewhere: string[] = [];
  const complaints: string[] = [];
  page.on("request", (request) => {
    if (!request.url().startsWith(stand.page) && !request.url().startsWith("blob:")) elsewhere.push(request.url());
  });
  page.on("console", (message) => {
    if (message.type() === "error") complaints.push(message.text());
  });
  await page.goto(stand.page);
  await page.getByLabel("Text to judge").fill(TEXT);
  await page.keyboard.press("Control+Enter");
  await expect(page.getByTestId("label")).toHaveText(/^(positive|negative)$/);
  const answer = page.getByRole("region", { name: "Answer" });
  await expect(answer.getByRole("img")).toHaveAccessibleName(/negative \d+\.\d %, positive \d+\.\d %/);
  await expect(answer).toContainText("Of 100 answers with this confidence");
  await expect(answer).toContainText(/\d+ tokens/);
  await expect(answer).toContainText(stand.release);
  await expect(answer).toContainText("Model, its queue");
  expect(elsewhere).toEqual([]);
  expect(complaints).toEqual([]);
});

test("the most influential words are coloured on request", async ({ page, stand }) => {
  await page.goto(stand.page);
  await page.getByLabel("Colour the most influential words").check();
  await page.getByLabel("Text to judge").fill(TEXT);
  await page.getByRole("button", { name: "Judge", exact: true }).click();
  const why = page.getByRole("region", { name: "Answer" }).getByTestId("why");
  await expect(why).toContainText(TEXT);
  expect(await why.locator("mark").count()).toBeGreaterThan(3);
  await page.screenshot({ path: "../var/screens/try-explained.png", fullPage: true });
});

test("a long text is reported as truncated", async ({ page, stand }) => {
  await page.goto(stand.page);
  await page.getByLabel("Text to judge").fill("the plot ".repeat(80));
  await page.getByRole("button", { name: "Judge", exact: true }).click();
  await expect(page.getByRole("region", { name: "Answer" })).toContainText("a part was left out");
  await page.getByLabel("Longer texts").selectOption({ label: "Refuse" });
  await page.getByRole("button", { name: "Judge", exact: true }).click();
  await expect(page.getByRole("alert")).toContainText("shorten it or set truncation");
});

test("a permalink sends the same request", async ({ page, stand }) => {
  await page.goto(stand.page);
  await page.getByRole("button", { name: "Mixed" }).click();
  await expect(page.getByTestId("label")).toBeVisible();
  const address = page.url();
  await page.goto("about:blank");
  await page.goto(address);
  await expect(page.getByLabel("Text to judge")).toHaveValue(/^The pictures are gorgeous/);
  await expect(page.getByTestId("label")).toBeVisible();
});

test("a thumb down is logged as the other label", async ({ page, stand }) => {
  await page.goto(stand.page);
  await page.getByRole("button", { name: "Warm" }).click();
  const label = await page.getByTestId("label").textContent();
  const id = await page.getByText(/prediction [0-9a-f-]{36}/).locator("code").last().textContent();
  await page.getByRole("button", { name: "No, it is" }).click();
  await expect(page.getByText("Thank you")).toBeVisible();
  const rows = await stand.tell<[string, string][]>("feedback");
  expect(rows.at(-1)).toEqual([id, label === "positive" ? "negative" : "positive"]);
});

test("the request can be copied for other clients, by keyboard alone", async ({ page, stand }) => {
  await page.goto(stand.page);
  await page.getByLabel("Text to judge").fill("It's fine");
  const curl = page.getByRole("tab", { name: "curl" });
  await curl.focus();
  await expect(page.getByRole("tabpanel")).toContainText("It'\\''s fine");
  for (const needed of ["requests.post", "tritonclient.http", "tritonclient.grpc"]) {
    await page.keyboard.press("ArrowRight");
    await expect(page.getByRole("tabpanel")).toContainText(needed);
  }
});

test("a CSV file is judged and comes back with its own columns", async ({ page, stand }) => {
  await page.goto(stand.page);
  const rows = Array.from({ length: 40 }, (_, index) => `${index},"a wonderful, warm film ${index}"`);
  const buffer = Buffer.from(`id,text\n${rows.join("\n")}\n40,\n`);
  // The server is overloaded once: the page waits and retries.
  let refused = 0;
  await page.route("**/infer", async (route) => {
    refused += 1;
    if (refused === 2) await route.fulfill({ status: 429, headers: { "Retry-After": "1" }, json: { error: "full" } });
    else await route.continue();
  });
  await page.getByLabel("or a CSV file").setInputFiles({ name: "reviews.csv", mimeType: "text/csv", buffer });
  await expect(page.getByText("41 of 41")).toBeVisible();
  const [download] = await Promise.all([
    page.waitForEvent("download"),
    page.getByRole("button", { name: "Download CSV" }).click(),
  ]);
  const lines = readFileSync(await download.path(), "utf8").trimEnd().split("\r\n");
  expect(lines[0]).toBe("id,text,label,confidence,probability_positive,tokens,truncated,prediction_id,release_id,problem");
  expect(lines).toHaveLength(42);
  expect(lines[40]).toMatch(new RegExp(`^39,"a wonderful, warm film 39",(positive|negative),0\\..*,${stand.release},$`));
  expect(lines[41]).toMatch(/the text is empty$/);
});

test("a pasted list is judged line by line", async ({ page, stand }) => {
  await page.goto(stand.page);
  await page.getByLabel("Texts, one a line").fill("warm and funny\n\ndull and tedious");
  await page.getByRole("button", { name: "Judge the list" }).click();
  await expect(page.getByText(/^2 of 2, \d+ % of them positive/)).toBeVisible();
  await expect(page.getByRole("cell", { name: "dull and tedious" })).toBeVisible();
});

test("a server's outage is shown until it is back", async ({ page, stand }) => {
  await page.goto(stand.page);
  await page.getByRole("button", { name: "Warm" }).click();
  await expect(page.getByTestId("label")).toBeVisible();
  await stand.tell("stop predictor");
  await page.getByRole("button", { name: "Judge", exact: true }).click();
  await expect(page.getByRole("alert")).toContainText("The predictor does not answer");
  const banner = page.getByRole("status").filter({ hasText: "The predictor does not answer" });
  await expect(banner).toBeVisible();
  await stand.tell("start predictor");
  await expect(banner).toBeHidden();
  await page.getByRole("button", { name: "Try again" }).click();
  await expect(page.getByTestId("label")).toBeVisible();
});
