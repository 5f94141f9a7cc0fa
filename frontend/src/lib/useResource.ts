import { useCallback, useEffect, useRef, useState } from "react";
import { call } from "../api/client";

export interface Resource<T> {
  data: T | null;
  /** The last failure; `data` keeps the last value. */
  error: unknown;
  loading: boolean;
  reload: () => void;
}

/** Read JSON now and every `every` milliseconds while the page is visible. A null path reads nothing. */
export function useResource<T>(path: string | null, every?: number): Resource<T> {
  const [state, setState] = useState<{ data: T | null; error: unknown; loading: boolean; path: string | null }>({
    data: null,
    error: null,
    loading: path !== null,
    path,
  });
  const [turn, setTurn] = useState(0);
  const known = useRef(path);
  useEffect(() => {
    if (path === null) return undefined;
    const aborting = new AbortController();
    const fresh = known.current !== path;
    known.current = path;
    setState((now) => ({ data: fresh ? null : now.data, error: fresh ? null : now.error, loading: true, path }));
    call<T>(path, undefined, aborting.signal).then(
      ({ body }) => setState({ data: body, error: null, loading: false, path }),
      (error: unknown) => {
        if (!aborting.signal.aborted) setState((now) => ({ data: now.data, error, loading: false, path }));
      },
    );
    return () => aborting.abort();
  }, [path, turn]);
  const reload = useCallback(() => setTurn((now) => now + 1), []);
  useEffect(() => {
    if (!every || path === null) return undefined;
    const timer = setInterval(() => {
      if (document.visibilityState === "visible") reload();
    }, every);
    return () => clearInterval(timer);
  }, [every, path, reload]);
  return { data: state.data, error: state.error, loading: state.loading, reload };
}
