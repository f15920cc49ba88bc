import "@testing-library/jest-dom/vitest";
import { cleanup } from "@testing-library/react";
import { afterEach } from "vitest";

afterEach(() => {
  cleanup();
  // What is built is looked at without a browser's surroundings.
  globalThis.localStorage?.clear();
});
