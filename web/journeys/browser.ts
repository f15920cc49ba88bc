/** A real browser for the journeys, and what every page of them is held to. */
import { mkdirSync } from "node:fs";
import { type AddressInfo, createServer, connect as dial, type Server, type Socket } from "node:net";
import { resolve } from "node:path";
import axe from "axe-core";
import { type Browser, type BrowserContext, type BrowserContextOptions, chromium, type Page } from "playwright-core";
import { expect, inject } from "vitest";

export const URL_BASE = required("FTE_WEB_URL");
const SCREENSHOTS = resolve(import.meta.dirname, "../../build/screenshots");
/** Answers of a whole stack come within seconds; this is for a machine that is busy. */
export const ANSWER_MS = 40_000;

export const DESKTOP: BrowserContextOptions = { viewport: { width: 1280, height: 900 } };
export const MOBILE: BrowserContextOptions = {
  viewport: { width: 390, height: 844 },
  deviceScaleFactor: 2,
  isMobile: true,
  hasTouch: true,
};
/** A window of 1280 by 1024 pixels at 400 %. */
export const ZOOMED: BrowserContextOptions = { viewport: { width: 320, height: 256 } };
export const NO_SCRIPT: BrowserContextOptions = { ...DESKTOP, javaScriptEnabled: false };

export function required(name: string): string {
  const value = process.env[name];
  if (!value) throw new Error(`${name} is not set: the journeys are started by tests/e2e/test_web_pages.py`);
  return value;
}

/** Connects to the one browser of this run. */
export function connect(): Promise<Browser> {
  return chromium.connect(inject("browserEndpoint"));
}

/** A page of a browser that nobody used before; what goes wrong in it is collected. */
export class Visit {
  readonly faults: string[] = [];

  private constructor(
    readonly context: BrowserContext,
    readonly page: Page,
    private readonly scripted: boolean,
  ) {}

  static async start(browser: Browser, options: BrowserContextOptions = DESKTOP): Promise<Visit> {
    const context = await browser.newContext({ locale: "en-GB", ...options });
    const page = await context.newPage();
    const visit = new Visit(context, page, options.javaScriptEnabled !== false);
    const ours = new URL(URL_BASE).hostname;
    page.on("request", (request) => {
      const url = new URL(request.url());
      if (url.hostname !== ours) visit.faults.push(`request to another host: ${url.host}`);
      // Fragments stay in the browser; anything else of a link is in somebody's log.
      if (/token/i.test(url.search)) visit.faults.push(`token in an address: ${url.pathname}`);
    });
    page.on("pageerror", (error) => visit.faults.push(`error: ${error.message}`));
    page.on("console", (message) => {
      // What a page was told to show, a wrong form above all, the browser calls a failed resource.
      const expected = /status of (422|404|429|503)|ERR_INTERNET_DISCONNECTED|ERR_CONNECTION|ERR_NETWORK|ERR_EMPTY_RESPONSE|ERR_INCOMPLETE_CHUNKED|ERR_SOCKET/;
      if (message.type() === "error" && !expected.test(message.text())) visit.faults.push(message.text());
    });
    return visit;
  }

  async goto(path: string): Promise<void> {
    await this.page.goto(new URL(path, URL_BASE).href);
  }

  /** Holds the page as it is now to axe's rules, to the width of its window and to having had no fault. */
  async check(name: string): Promise<void> {
    const violations = this.scripted ? await violated(this.page) : await this.violatedWithoutScript();
    expect(violations, name).toEqual([]);
    await this.fits(name);
  }

  /** Holds the page to the width of its window and to having had no fault. */
  async fits(name: string): Promise<void> {
    const [wide, window] = await this.page.evaluate(() => [
      document.documentElement.scrollWidth,
      document.documentElement.clientWidth,
    ]);
    expect(wide, `${name} scrolls sideways`).toBeLessThanOrEqual(window ?? 0);
    expect(this.faults, name).toEqual([]);
  }

  /** Where a page's script is off axe cannot run: what it shows is put before a page whose script is on. */
  private async violatedWithoutScript(): Promise<string[]> {
    const browser = this.context.browser();
    if (!browser) throw new Error("the browser has gone");
    const context = await browser.newContext({ ...DESKTOP, storageState: await this.context.storageState() });
    const page = await context.newPage();
    const body = await this.page.content();
    await page.route(
      (url) => !url.pathname.includes("/assets/"),
      (route) => route.fulfill({ body, contentType: "text/html; charset=utf-8" }),
    );
    await page.route("**/assets/*.js", (route) => route.abort());
    await page.goto(this.page.url());
    await page.locator("main form, main a").first().waitFor();
    const found = await violated(page);
    await context.close();
    return found;
  }

  /** Keeps a picture of the whole page. */
  async picture(name: string): Promise<void> {
    mkdirSync(SCREENSHOTS, { recursive: true });
    await this.page.screenshot({ path: resolve(SCREENSHOTS, `${name}.png`), fullPage: true });
  }

  async end(): Promise<void> {
    await this.context.close();
  }
}

async function violated(page: Page): Promise<string[]> {
  await page.evaluate(axe.source);
  const results = await page.evaluate(() =>
    (globalThis as unknown as { axe: typeof import("axe-core") }).axe.run(document, {
      resultTypes: ["violations"],
    }),
  );
  return results.violations.map((one) => `${one.id}: ${one.nodes.map((node) => node.html).join(" ")}`);
}

/** A wire between the browser and the server that can be cut. */
export class Wire {
  private readonly sockets = new Set<Socket>();
  private cut = false;

  private constructor(private readonly server: Server) {}

  static async start(): Promise<Wire> {
    const { hostname, port } = new URL(URL_BASE);
    const wire: Wire = new Wire(
      createServer((near) => {
        if (wire.cut) {
          near.destroy();
          return;
        }
        const far = dial({ host: hostname, port: Number(port) });
        for (const [one, other] of [
          [near, far],
          [far, near],
        ] as const) {
          wire.sockets.add(one);
          one.on("error", () => other.destroy());
          one.on("close", () => {
            wire.sockets.delete(one);
            other.destroy();
          });
          one.pipe(other);
        }
      }),
    );
    await new Promise<void>((listening) => wire.server.listen(0, hostname, listening));
    return wire;
  }

  /** Returns an address of the server as it is reached by this wire. */
  through(address: string): string {
    const url = new URL(address);
    url.port = String((this.server.address() as AddressInfo).port);
    return url.href;
  }

  /** Ends every connection in the middle, and takes no new ones. */
  break(): void {
    this.cut = true;
    for (const socket of this.sockets) socket.destroy();
  }

  mend(): void {
    this.cut = false;
  }

  end(): void {
    this.break();
    this.server.close();
  }
}

let count = 0;

export interface Writing {
  name?: string;
  email?: string;
  subject?: string;
  category?: string;
  message?: string;
}

/** A good form of somebody who never wrote before. */
export function writing(changed: Writing = {}): Required<Writing> {
  count += 1;
  return {
    name: "Ada Example",
    email: `ada.${Date.now().toString(36)}.${String(count)}@example.com`,
    subject: "Exporting my data",
    category: "technical",
    message: "How do I export my data?",
    ...changed,
  };
}

/** Fills the form in as it is on the page. */
export async function fill(page: Page, given: Required<Writing>): Promise<void> {
  await page.fill("#name", given.name);
  await page.fill("#email", given.email);
  await page.fill("#subject", given.subject);
  await page.check(`input[name=category][value=${given.category}]`);
  await page.fill("#message", given.message);
}

/** The link to the status page, as the form's answer gives it. */
export async function submitted(given = writing()): Promise<{ status: string; confirmation: string }> {
  const response = await fetch(new URL("/support/submit", URL_BASE), {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(given),
  });
  expect(response.status).toBe(201);
  const answer = (await response.json()) as { status_url: string; confirmation_url: string };
  return { status: answer.status_url, confirmation: answer.confirmation_url };
}
