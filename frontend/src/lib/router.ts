// A page's address is a URL hash, so that any static file server can serve the pages and no text reaches its log.
import { useSyncExternalStore } from "react";

export const PAGES = ["try", "health", "drift", "model"] as const;
export type PageName = (typeof PAGES)[number];

export interface Place {
  page: PageName;
  query: URLSearchParams;
}

export function parsePlace(hash: string): Place {
  const [path = "", query = ""] = hash.replace(/^#\/?/, "").split("?", 2);
  const page = PAGES.find((name) => name === path) ?? "try";
  return { page, query: new URLSearchParams(query) };
}

export function link(page: PageName, query: Record<string, string> = {}): string {
  const encoded = new URLSearchParams(query).toString();
  return `#/${page}${encoded ? `?${encoded}` : ""}`;
}

function subscribe(changed: () => void): () => void {
  window.addEventListener("hashchange", changed);
  return () => window.removeEventListener("hashchange", changed);
}

export function usePlace(): Place {
  const hash = useSyncExternalStore(subscribe, () => window.location.hash);
  return parsePlace(hash);
}
