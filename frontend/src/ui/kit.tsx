// Components that every page uses.
import type { ButtonHTMLAttributes, ReactNode } from "react";
import { explainError } from "../lib/words";

export type Tone = "plain" | "good" | "warn" | "bad" | "positive" | "negative";

const TEXT: Record<Tone, string> = {
  plain: "text-soft",
  good: "text-good",
  warn: "text-warn",
  bad: "text-bad",
  positive: "text-positive",
  negative: "text-negative",
};
const EDGE: Record<Tone, string> = {
  plain: "border-line",
  good: "border-good",
  warn: "border-warn",
  bad: "border-bad",
  positive: "border-positive",
  negative: "border-negative",
};

export const toneText = (tone: Tone): string => TEXT[tone];

interface CardProps {
  title: string;
  note?: ReactNode;
  action?: ReactNode;
  children: ReactNode;
  className?: string;
}

export function Card({ title, note, action, children, className = "" }: CardProps) {
  return (
    <section aria-label={title} className={`bg-card border-line min-w-0 rounded-xl border p-4 sm:p-5 ${className}`}>
      <header className="mb-3 flex flex-wrap items-baseline justify-between gap-x-4 gap-y-1">
        <h2 className="text-base font-semibold">{title}</h2>
        {action}
        {note && <p className="text-soft w-full text-sm">{note}</p>}
      </header>
      {children}
    </section>
  );
}

interface ButtonProps extends ButtonHTMLAttributes<HTMLButtonElement> {
  kind?: "main" | "plain" | "chip";
}

const LOOK = {
  main: "bg-accent text-on-accent px-4 py-2 font-semibold",
  plain: "border-line bg-card hover:bg-well border px-3 py-1.5 text-sm",
  chip: "bg-well hover:text-accent px-2.5 py-1 text-left text-sm",
};

export function Button({ kind = "plain", className = "", ...rest }: ButtonProps) {
  return <button type="button" className={`rounded-lg disabled:opacity-60 ${LOOK[kind]} ${className}`} {...rest} />;
}

export function Badge({ tone, children }: { tone: Tone; children: ReactNode }) {
  return (
    <span className={`inline-block rounded-full border px-2.5 py-0.5 text-sm font-medium whitespace-nowrap ${TEXT[tone]} ${EDGE[tone]}`}>
      {children}
    </span>
  );
}

interface NoticeProps {
  tone: Tone;
  title: string;
  children?: ReactNode;
  action?: ReactNode;
  role?: "alert" | "status";
}

export function Notice({ tone, title, children, action, role }: NoticeProps) {
  return (
    <div role={role} className={`bg-card rounded-lg border border-l-4 p-3 text-sm ${EDGE[tone]}`}>
      <p className={`font-semibold ${TEXT[tone]}`}>{title}</p>
      {children && <div className="mt-0.5">{children}</div>}
      {action && <div className="mt-2">{action}</div>}
    </div>
  );
}

interface ErrorProps {
  error: unknown;
  who?: "predictor" | "monitor";
  retry?: (() => void) | undefined;
}

export function ErrorNotice({ error, who = "predictor", retry }: ErrorProps) {
  const { title, advice } = explainError(error, who);
  return (
    <Notice tone="bad" title={title} role="alert" action={retry && <Button onClick={retry}>Try again</Button>}>
      <Code text={advice} />
    </Notice>
  );
}

/** Text whose `backticks` mark code. */
export function Code({ text }: { text: string }) {
  return text.split("`").map((part, index) =>
    index % 2 ? (
      <code key={`${index}${part}`} className="bg-well rounded px-1 font-mono text-[0.92em]">
        {part}
      </code>
    ) : (
      part
    ),
  );
}

interface FigureProps {
  name: string;
  value: ReactNode;
  note?: ReactNode;
  tone?: Tone;
}

/** One figure with its name; for a list of them, `Figures`. */
export function Figure({ name, value, note, tone }: FigureProps) {
  return (
    <div className="min-w-0">
      <dt className="text-soft text-sm">{name}</dt>
      <dd className={`text-lg font-semibold break-words tabular-nums ${tone ? TEXT[tone] : ""}`}>{value}</dd>
      {note && <dd className="text-soft text-sm break-words">{note}</dd>}
    </div>
  );
}

export function Figures({ children }: { children: ReactNode }) {
  return <dl className="grid grid-cols-2 gap-x-6 gap-y-4 sm:grid-cols-3 lg:grid-cols-4">{children}</dl>;
}

export function Loading({ what, className = "h-40" }: { what: string; className?: string }) {
  return (
    <div role="status" className={`bg-well flex animate-pulse items-center justify-center rounded-lg ${className}`}>
      <span className="text-soft text-sm">Loading {what} …</span>
    </div>
  );
}

export function Empty({ title, children }: { title: string; children?: ReactNode }) {
  return (
    <div className="border-line rounded-lg border border-dashed p-6 text-center">
      <p className="font-medium">{title}</p>
      {children && <p className="text-soft mx-auto mt-1 max-w-prose text-sm">{typeof children === "string" ? <Code text={children} /> : children}</p>}
    </div>
  );
}

export function PageTitle({ title, children }: { title: string; children?: ReactNode }) {
  return (
    <div className="mb-5">
      <h1 className="text-2xl font-bold tracking-tight">{title}</h1>
      {children && <p className="text-soft mt-1 max-w-3xl">{children}</p>}
    </div>
  );
}
