import react from "@vitejs/plugin-react";
import { defineConfig } from "vitest/config";

// The server puts the pages together, so there is no index.html: each page loads its own entry.
export default defineConfig({
  plugins: [react()],
  base: "./",
  build: {
    outDir: "../build/web",
    emptyOutDir: true,
    manifest: true,
    modulePreload: { polyfill: false },
    // Everything in files of our own origin, which is all that the pages' policy allows.
    assetsInlineLimit: 0,
    rollupOptions: {
      checks: { pluginTimings: false },
      input: {
        form: "src/form.tsx",
        received: "src/received.ts",
        ticket: "src/ticket.tsx",
        pages: "src/pages.css",
      },
    },
  },
  test: {
    projects: [
      {
        extends: true,
        test: {
          name: "unit",
          include: ["tests/**/*.test.{ts,tsx}"],
          environment: "jsdom",
          // Typing key by key takes its time on a machine that is busy with other things.
          testTimeout: 30_000,
          setupFiles: ["tests/setup.ts"],
        },
      },
      {
        extends: true,
        test: {
          name: "journeys",
          include: ["journeys/**/*.journey.ts"],
          environment: "node",
          globalSetup: ["journeys/launch.ts"],
          // A whole stack answers within seconds; on a machine that is busy with other things it may not.
          testTimeout: 120_000,
          hookTimeout: 60_000,
          fileParallelism: false,
        },
      },
    ],
  },
});
