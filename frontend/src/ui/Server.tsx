// The predictor's state for every page, polled every few seconds and more often while it is away.
import { type ReactNode, createContext, useContext, useEffect, useState } from "react";
import { ApiError, call } from "../api/client";
import type { Health, V2Metadata } from "../api/predict";

export interface Server {
  health: Health | null;
  /** The error of the last poll, or null. */
  error: unknown;
  /** Whether it offers word attributions. */
  explains: boolean;
}

const MODEL = "sentiment";
const EVERY = { there: 10_000, away: 2_000 };
const Context = createContext<Server>({ health: null, error: null, explains: false });

export const useServer = (): Server => useContext(Context);
export const modelOf = (server: Server): string => server.health?.model ?? MODEL;

async function ask(): Promise<Server> {
  try {
    const { body: health } = await call<Health>("health");
    const { body } = await call<V2Metadata>(`v2/models/${encodeURIComponent(health.model)}`);
    return { health, error: null, explains: body.outputs.some(({ name }) => name === "attributions") };
  } catch (error) {
    return { health: null, error, explains: false };
  }
}

export function ServerProvider({ children }: { children: ReactNode }) {
  const [server, setServer] = useState<Server>({ health: null, error: null, explains: false });
  useEffect(() => {
    let timer: ReturnType<typeof setTimeout>;
    let over = false;
    const turn = async () => {
      const found = await ask();
      if (over) return;
      // Its capabilities are kept while it is away, so that the layout does not jump.
      setServer((before) => (found.error ? { ...found, explains: before.explains } : found));
      timer = setTimeout(turn, found.error ? EVERY.away : EVERY.there);
    };
    void turn();
    return () => {
      over = true;
      clearTimeout(timer);
    };
  }, []);
  return <Context value={server}>{children}</Context>;
}

export function awayOf(server: Server): ApiError | null {
  return server.error instanceof ApiError ? server.error : null;
}
