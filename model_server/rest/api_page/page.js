"use strict";
// The page may stand below another path than /, and its own may end with a slash.
const root = location.pathname.replace(/\/docs\/?$/, "");
document.getElementById("document").href = `${root}/openapi.json`;

// Send a form's request and show the answer: status, headers, body.
document.addEventListener("submit", async (event) => {
  event.preventDefault();
  const form = event.target;
  const shown = form.querySelector("output");
  const query = new URLSearchParams();
  let path = form.dataset.path;
  for (const input of form.querySelectorAll("input[data-in]")) {
    if (input.dataset.in === "path") path = path.replace(`{${input.name}}`, encodeURIComponent(input.value));
    else if (input.value !== "") query.set(input.name, input.value);
  }
  const body = form.querySelector("textarea")?.value || undefined;
  const headers = body ? { "Content-Type": "application/json" } : {};
  const url = `${root}${path}${query.size ? `?${query}` : ""}`;
  shown.textContent = "…";
  let text;
  try {
    const answer = await fetch(url, { method: form.dataset.method, headers, body });
    const raw = await answer.text();
    let pretty = raw;
    try { pretty = JSON.stringify(JSON.parse(raw), null, 2); } catch { /* the metrics are text */ }
    const lines = [...answer.headers].map(([name, value]) => `${name}: ${value}`);
    text = `${answer.status} ${answer.statusText}\n${lines.join("\n")}\n\n${pretty}`;
  } catch (error) {
    text = `no answer: ${error.message}`;
  }
  const pre = document.createElement("pre");
  pre.textContent = text;
  shown.replaceChildren(pre);
});
