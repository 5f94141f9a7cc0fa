import { expect, it } from "vitest";
import { link, parsePlace } from "./router";

it("brings a text through the address", () => {
  const text = "50 % \"off\" & more? #1 ü🎬\n+";
  const { page, query } = parsePlace(link("try", { text }));
  expect(page).toBe("try");
  expect(query.get("text")).toBe(text);
});

it("opens the first page for an address it does not know", () => {
  expect(parsePlace("#/nothing?x=1").page).toBe("try");
  expect(parsePlace("").page).toBe("try");
});
