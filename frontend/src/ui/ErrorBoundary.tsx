import { Component, type ReactNode } from "react";
import { Button, Notice } from "./kit";

/** Shows a notice in place of children that failed; the page's frame stays. */
export class ErrorBoundary extends Component<{ children: ReactNode }, { error: Error | null }> {
  override state: { error: Error | null } = { error: null };

  static getDerivedStateFromError(error: Error) {
    return { error };
  }

  override render() {
    const { error } = this.state;
    if (!error) return this.props.children;
    return (
      <Notice
        tone="bad"
        title="This part of the page failed"
        role="alert"
        action={<Button onClick={() => this.setState({ error: null })}>Show it again</Button>}
      >
        {error.message || String(error)}. If it happens again, reload the page.
      </Notice>
    );
  }
}
