import { useState } from "react";
import { Button } from "./kit";

async function copy(text: string): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    return false; // no permission, or a page served over plain HTTP by another machine
  }
}

export function CopyButton({ text, name, label = "Copy" }: { text: string; name: string; label?: string }) {
  const [status, setStatus] = useState("");
  const click = async () => {
    setStatus((await copy(text)) ? "Copied" : "Select it and press Ctrl+C");
    setTimeout(() => setStatus(""), 2500);
  };
  return (
    <span>
      <Button onClick={click} aria-label={`Copy ${name}`}>
        {status || label}
      </Button>
      <span role="status" className="sr-only">
        {status}
      </span>
    </span>
  );
}
