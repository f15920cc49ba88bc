/** Every page in every language, and in a window as narrow as 400 % makes it. */
import type { Browser } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { ANSWER_MS, connect, submitted, URL_BASE, Visit, ZOOMED } from "./browser";

const TITLES = {
  en: "Contact support",
  es: "Contactar con soporte",
  de: "Kontakt zum Kundendienst",
  fr: "Contacter l’assistance",
  pt: "Contactar o apoio",
};

let browser: Browser;
let given: { status: string; confirmation: string };
beforeAll(async () => {
  browser = await connect();
  given = await submitted();
});
afterAll(() => browser.close());

describe.each(Object.entries(TITLES))("in %s", (language, title) => {
  it("all pages speak the language of the browser", async () => {
    const visit = await Visit.start(browser, { ...ZOOMED, locale: language });
    const { page } = visit;
    await visit.goto("/");
    expect(await page.title()).toBe(title);
    expect(await page.getAttribute("html", "lang")).toBe(language);
    expect(await page.getAttribute("html", "dir")).toBe("ltr");
    expect(await page.getAttribute(".languages [aria-current]", "lang")).toBe(language);
    await page.click("button.main");
    await page.waitForSelector("#summary");
    // The markup is the same in every language; the longest words are German.
    if (language === "de") await visit.check(`errors in ${language} at 400 %`);
    else await visit.fits(`errors in ${language} at 400 %`);
    await page.goto(given.confirmation);
    await visit.fits(`confirmation in ${language} at 400 %`);
    await page.goto(given.status);
    await page.waitForSelector(".line.ai", { timeout: ANSWER_MS });
    await visit.fits(`status in ${language} at 400 %`);
    if (language === "de") await visit.picture("status-german-400-percent");
    await visit.end();
  });
});

describe("the languages' links", () => {
  it("lead to the same page and stay with who chose one", async () => {
    const visit = await Visit.start(browser);
    const { page } = visit;
    await page.goto(given.status);
    await page.waitForSelector(".line.customer");
    await page.click(".languages a[lang=de]");
    await page.waitForSelector(".line.customer strong:has-text('Sie')");
    expect(await page.getAttribute("html", "lang")).toBe("de");
    await visit.goto("/?lang=fr");
    expect(await page.getAttribute("html", "lang")).toBe("fr");
    await visit.end();
  });
});

describe("headers", () => {
  it("let nothing in from elsewhere and nothing be indexed", async () => {
    const response = await fetch(new URL("/", URL_BASE), { headers: { accept: "text/html" } });
    const policy = response.headers.get("content-security-policy") ?? "";
    expect(policy).toContain("default-src 'none'");
    expect(policy).not.toMatch(/unsafe|https?:|\*/);
    expect(response.headers.get("x-robots-tag")).toContain("noindex");
    expect(response.headers.get("referrer-policy")).toBe("no-referrer");
  });
});
