import { useRef, useState } from "react";
import type { Options } from "../../api/predict";
import { snippets } from "../../lib/snippets";
import { CopyButton } from "../../ui/CopyButton";
import { Card } from "../../ui/kit";

const GRPC_PORT = 8081;

interface Props {
  model: string;
  text: string;
  options: Options;
}

/** The page's request as code for other clients. */
export function Snippets({ model, text, options }: Props) {
  const [chosen, setChosen] = useState(0);
  const tabs = useRef<(HTMLButtonElement | null)[]>([]);
  const folder = window.location.pathname.replace(/\/[^/]*$/, "");
  const origin = `${window.location.origin}${folder}`;
  const made = snippets({ origin, grpc: `${window.location.hostname}:${GRPC_PORT}`, model }, text, options);
  const shown = made[chosen]!;
  const move = (step: number) => {
    const next = (chosen + step + made.length) % made.length;
    setChosen(next);
    tabs.current[next]?.focus();
  };
  return (
    <Card title="The same request from other clients" className="lg:col-span-2">
      <div
        role="tablist"
        aria-label="Client"
        className="flex flex-wrap gap-1"
        onKeyDown={(event) => {
          if (event.key === "ArrowRight") move(1);
          if (event.key === "ArrowLeft") move(-1);
        }}
      >
        {made.map((snippet, index) => (
          <button
            key={snippet.name}
            ref={(element) => {
              tabs.current[index] = element;
            }}
            type="button"
            role="tab"
            id={`snippet-${index}`}
            aria-selected={index === chosen}
            aria-controls="snippet"
            tabIndex={index === chosen ? 0 : -1}
            onClick={() => setChosen(index)}
            className={`rounded-lg px-3 py-1.5 text-sm ${index === chosen ? "bg-well font-semibold" : "text-soft hover:text-ink"}`}
          >
            {snippet.name}
          </button>
        ))}
      </div>
      <div id="snippet" role="tabpanel" aria-labelledby={`snippet-${chosen}`} className="mt-2">
        <pre tabIndex={0} className="bg-page border-line max-h-72 overflow-auto rounded-lg border p-3 font-mono text-sm break-words whitespace-pre-wrap">
          {shown.code}
        </pre>
        <div className="mt-2 flex flex-wrap items-center justify-between gap-2">
          <span className="text-soft text-sm">
            {shown.needs && <code className="font-mono">{shown.needs}</code>}
            {shown.name === "gRPC" && ` · gRPC has its own port (GRPC_PORT, ${GRPC_PORT} by default)`}
          </span>
          <CopyButton name={`the ${shown.name} request`} text={shown.code} />
        </div>
      </div>
    </Card>
  );
}
