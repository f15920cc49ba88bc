/** What is shown when a page's own code fails: nothing sent is lost, and there is a way on. */
import { Component, type ReactNode } from "react";
import type { Words } from "./words";

interface Props {
  words: Words;
  children: ReactNode;
}

/** Shows a message and a way to load the page again in place of what failed. */
export class ErrorBoundary extends Component<Props, { failed: boolean }> {
  override state = { failed: false };

  static getDerivedStateFromError(): { failed: boolean } {
    return { failed: true };
  }

  override render(): ReactNode {
    if (!this.state.failed) return this.props.children;
    const { crash } = this.props.words;
    return (
      <div role="alert">
        <h1>{crash.title}</h1>
        <p>{crash.text}</p>
        <p>
          <button type="button" className="main" onClick={() => location.reload()}>
            {crash.again}
          </button>
        </p>
      </div>
    );
  }
}
