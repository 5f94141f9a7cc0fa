import { expect, test } from "./stand";

const TEXT = "A warm, funny film that never puts a foot wrong.";

test("a typed review is judged, and the answer is whole", async ({ page, stand }) => {
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
  await expect(answer).toContainText("Of 100 answers given this surely");
  await expect(answer).toContainText(/\d+ tokens/);
  await expect(answer).toContainText(stand.release);
  await expect(answer).toContainText("Model, its queue");
  expect(elsewhere).toEqual([]);
  expect(complaints).toEqual([]);
});

test("a long text is told to be cut", async ({ page, stand }) => {
  await page.goto(stand.page);
  await page.getByLabel("Text to judge").fill("the plot ".repeat(80));
  await page.getByRole("button", { name: "Judge" }).click();
  await expect(page.getByRole("region", { name: "Answer" })).toContainText("a part of it was cut");
  await page.getByLabel("A text too long").selectOption({ label: "Refuse it" });
  await page.getByRole("button", { name: "Judge" }).click();
  await expect(page.getByRole("alert")).toContainText("shorten it or set truncation");
});

test("a permalink asks the same question", async ({ page, stand }) => {
  await page.goto(stand.page);
  await page.getByRole("button", { name: "Mixed" }).click();
  await expect(page.getByTestId("label")).toBeVisible();
  const address = page.url();
  await page.goto("about:blank");
  await page.goto(address);
  await expect(page.getByLabel("Text to judge")).toHaveValue(/^The pictures are gorgeous/);
  await expect(page.getByTestId("label")).toBeVisible();
});

test("a thumb down stands in the log as the other label", async ({ page, stand }) => {
  await page.goto(stand.page);
  await page.getByRole("button", { name: "Warm" }).click();
  const said = await page.getByTestId("label").textContent();
  const id = await page.getByText(/prediction [0-9a-f-]{36}/).locator("code").last().textContent();
  await page.getByRole("button", { name: "No, it is" }).click();
  await expect(page.getByText("Thank you")).toBeVisible();
  const rows = await stand.tell<[string, string][]>("feedback");
  expect(rows.at(-1)).toEqual([id, said === "positive" ? "negative" : "positive"]);
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

test("a server that goes is told, and noticed when it is back", async ({ page, stand }) => {
  await page.goto(stand.page);
  await page.getByRole("button", { name: "Warm" }).click();
  await expect(page.getByTestId("label")).toBeVisible();
  await stand.tell("stop predictor");
  await page.getByRole("button", { name: "Judge" }).click();
  await expect(page.getByRole("alert")).toContainText("The predictor does not answer");
  const banner = page.getByRole("status").filter({ hasText: "The predictor does not answer" });
  await expect(banner).toBeVisible();
  await stand.tell("start predictor");
  await expect(banner).toBeHidden();
  await page.getByRole("button", { name: "Try again" }).click();
  await expect(page.getByTestId("label")).toBeVisible();
});
