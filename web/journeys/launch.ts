/** Starts one Chromium for all journeys; it ends with them. */
import { chromium } from "playwright-core";
import type { TestProject } from "vitest/node";

declare module "vitest" {
  export interface ProvidedContext {
    browserEndpoint: string;
  }
}

export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const executablePath = process.env["FTE_CHROMIUM"];
  if (!executablePath) throw new Error("FTE_CHROMIUM is not set");
  // Chromium's sandbox does not work for root.
  const args = process.getuid?.() === 0 ? ["--no-sandbox"] : [];
  const server = await chromium.launchServer({ executablePath, args });
  project.provide("browserEndpoint", server.wsEndpoint());
  return () => server.close();
}
