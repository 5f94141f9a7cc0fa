// The one way to call the servers, and its one kind of error, which names the remedy.

export type Trouble = "offline" | "busy" | "unready" | "refused" | "broken";

export class ApiError extends Error {
  constructor(
    readonly trouble: Trouble,
    message: string,
    readonly status = 0,
    /** Seconds until a retry, from the header Retry-After. */
    readonly retryAfter?: number,
  ) {
    super(message);
    this.name = "ApiError";
  }
}

export interface Answer<T> {
  body: T;
  headers: Headers;
  /** From the request to the complete answer, measured in the browser. */
  milliseconds: number;
}

function troubleOf(status: number): Trouble {
  if (status === 429) return "busy";
  if (status === 503) return "unready";
  // 502 and 504 come from the proxy: its upstream does not answer.
  if (status === 502 || status === 504) return "offline";
  return status >= 500 ? "broken" : "refused";
}

async function reasonOf(response: Response): Promise<string> {
  const raw = await response.text().catch(() => "");
  try {
    const message = (JSON.parse(raw) as { error?: unknown }).error;
    if (typeof message === "string") return message;
  } catch {
    // Not our JSON: a proxy's page.
  }
  return `the server answered ${response.status}`;
}

async function errorOf(response: Response): Promise<ApiError> {
  const wait = Number(response.headers.get("Retry-After") ?? Number.NaN);
  return new ApiError(
    troubleOf(response.status),
    await reasonOf(response),
    response.status,
    Number.isFinite(wait) ? wait : undefined,
  );
}

/** GET, or POST with a body. Raises ApiError; an aborted request raises the browser's AbortError. */
export async function call<T>(path: string, body?: unknown, signal?: AbortSignal): Promise<Answer<T>> {
  const started = performance.now();
  const init: RequestInit = signal ? { signal } : {};
  if (body !== undefined) {
    init.method = "POST";
    init.body = JSON.stringify(body);
    init.headers = { "Content-Type": "application/json" };
  }
  let response: Response;
  try {
    response = await fetch(path, init);
  } catch (error) {
    if (error instanceof DOMException && error.name === "AbortError") throw error;
    throw new ApiError("offline", "the server does not answer");
  }
  if (!response.ok) throw await errorOf(response);
  try {
    const parsed = (await response.json()) as T;
    return { body: parsed, headers: response.headers, milliseconds: performance.now() - started };
  } catch {
    throw new ApiError("broken", `${path} answered with something other than JSON`, response.status);
  }
}
