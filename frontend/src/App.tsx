import { Suspense, lazy, useEffect, useRef, useState } from "react";
import { type PageName, link, usePlace } from "./lib/router";
import { type Theme, applyTheme, storedTheme } from "./lib/theme";
import { explainError } from "./lib/words";
import { TryPage } from "./pages/try/TryPage";
import { ErrorBoundary } from "./ui/ErrorBoundary";
import { ServerProvider, awayOf, useServer } from "./ui/Server";
import { Code, Loading, Notice } from "./ui/kit";

const HealthPage = lazy(() => import("./pages/health/HealthPage"));
const DriftPage = lazy(() => import("./pages/drift/DriftPage"));
const ModelPage = lazy(() => import("./pages/model/ModelPage"));
const NAMES: Record<PageName, string> = { try: "Try it", health: "Health", drift: "Drift", model: "Model" };

function ThemeSwitch() {
  const [theme, setTheme] = useState<Theme>(storedTheme);
  const choose = (chosen: Theme) => {
    setTheme(chosen);
    applyTheme(chosen);
  };
  return (
    <label className="text-soft flex items-center gap-2 text-sm">
      <span className="sr-only sm:not-sr-only">Theme</span>
      <select
        aria-label="Theme"
        value={theme}
        onChange={(event) => choose(event.target.value as Theme)}
        className="border-line bg-card text-ink rounded-lg border px-2 py-1"
      >
        <option value="system">System</option>
        <option value="light">Light</option>
        <option value="dark">Dark</option>
      </select>
    </label>
  );
}

function Frame() {
  const { page } = usePlace();
  const main = useRef<HTMLElement>(null);
  const shown = useRef(page);
  useEffect(() => {
    document.title = `${NAMES[page]} · Sentiment`;
    // Screen readers are moved to the new page; they start the first page at its top anyway.
    if (shown.current !== page) main.current?.focus();
    shown.current = page;
  }, [page]);
  return (
    <div className="mx-auto max-w-6xl px-4 pb-16">
      <a href="#main" onClick={(event) => { event.preventDefault(); main.current?.focus(); }} className="bg-accent text-on-accent sr-only rounded focus:not-sr-only focus:absolute focus:p-2">
        Skip to content
      </a>
      <header className="flex flex-wrap items-center gap-x-6 gap-y-2 py-4">
        <a href={link("try")} className="flex items-center gap-2 text-lg font-bold">
          <img src="./icon.svg" alt="" width={28} height={28} />
          Sentiment
        </a>
        <nav aria-label="Pages" className="order-last flex w-full gap-1 sm:order-none sm:w-auto">
          {(Object.keys(NAMES) as PageName[]).map((name) => (
            <a
              key={name}
              href={link(name)}
              aria-current={name === page ? "page" : undefined}
              className={`grow rounded-lg px-3 py-1.5 text-center ${name === page ? "bg-accent text-on-accent font-semibold" : "hover:bg-well"}`}
            >
              {NAMES[name]}
            </a>
          ))}
        </nav>
        <span className="ml-auto">
          <ThemeSwitch />
        </span>
      </header>
      <Away />
      <main id="main" ref={main} tabIndex={-1} className="pt-2 outline-none">
        <ErrorBoundary key={page}>
          <Suspense fallback={<Loading what="the page" className="h-96" />}>
            {page === "try" && <TryPage />}
            {page === "health" && <HealthPage />}
            {page === "drift" && <DriftPage />}
            {page === "model" && <ModelPage />}
          </Suspense>
        </ErrorBoundary>
      </main>
    </div>
  );
}

/** A notice on every page while the predictor is away. */
function Away() {
  const error = awayOf(useServer());
  if (!error) return null;
  const { title, advice } = explainError(error);
  return (
    <div className="pb-3">
      <Notice tone="warn" title={title} role="status">
        <Code text={advice} />
      </Notice>
    </div>
  );
}

export function App() {
  return (
    <ErrorBoundary>
      <ServerProvider>
        <Frame />
      </ServerProvider>
    </ErrorBoundary>
  );
}
