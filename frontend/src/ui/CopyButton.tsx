import { useState } from "react";
import { Button } from "./kit";

async function copy(text: string): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    return false; // no permission, or a page that came by plain HTTP from another machine
  }
}

export function CopyButton({ text, name, label = "Copy" }: { text: string; name: string; label?: string }) {
  const [told, setTold] = useState("");
  const click = async () => {
    setTold((await copy(text)) ? "Copied" : "Select it and press Ctrl+C");
    setTimeout(() => setTold(""), 2500);
  };
  return (
    <span>
      <Button onClick={click} aria-label={`Copy ${name}`}>
        {told || label}
      </Button>
      <span role="status" className="sr-only">
        {told}
      </span>
    </span>
  );
}
