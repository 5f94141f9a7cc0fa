/** A thumb up or down as SVG: not every system font has the characters. */
export function Thumb({ down = false }: { down?: boolean }) {
  return (
    <svg aria-hidden viewBox="0 0 24 24" className={`inline size-4 align-[-2px] ${down ? "rotate-180" : ""}`} fill="currentColor">
      <path d="M2 10h4v11H2zM8 21h9.2c1 0 1.9-.7 2.1-1.7l1.6-7A2 2 0 0 0 19 10h-5l.9-4.6A2 2 0 0 0 13 3l-5 7z" />
    </svg>
  );
}
