/** The form in a real browser: errors, success, draft, double clicks, and nothing but a keyboard. */
import type { Browser } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { DESKTOP, fill, connect, MOBILE, Visit, writing } from "./browser";

let browser: Browser;
beforeAll(async () => {
  browser = await connect();
});
afterAll(() => browser.close());

const LOOKS = [
  ["desktop", DESKTOP],
  ["mobile", MOBILE],
  ["dark", { ...DESKTOP, colorScheme: "dark" }],
] as const;

describe.each(LOOKS)("the form on %s", (look, options) => {
  it("leads from errors to a confirmation that a bookmark finds again", async () => {
    const visit = await Visit.start(browser, options);
    const { page } = visit;
    await visit.goto("/");
    await visit.check("form");
    await visit.picture(`form-${look}`);

    const good = writing();
    await fill(page, { ...good, email: "ada@", message: "Too short" });
    await page.click("button.main");
    await page.waitForSelector("#summary");
    expect(await page.title()).toBe("Error: Contact support");
    expect(await page.evaluate(() => document.activeElement?.id)).toBe("summary");
    expect(await page.textContent("#summary h2")).toBe("There is a problem");
    const told = await page.locator("#summary a").allTextContents();
    expect(told).toHaveLength(2);
    expect(await page.textContent("#email-error span:last-child")).toBe(told[0]);
    expect(await page.inputValue("#email")).toBe("ada@");
    expect(await page.inputValue("#name")).toBe(good.name);
    await visit.check("errors");
    await visit.picture(`errors-${look}`);
    await page.click("#summary a");
    expect(await page.evaluate(() => document.activeElement?.id)).toBe("email");

    await fill(page, good);
    await page.dblclick("button.main");
    await page.waitForURL(/\/received\//);
    expect(await page.textContent(".reference")).toMatch(/^FTE-[0-9A-Z]{8}$/);
    const kept = await page.textContent("#keep-link");
    expect(kept).toMatch(/\/support\/ticket\/[0-9a-f-]{36}#[\w-]{27}$/);
    expect(await page.evaluate(() => localStorage.length)).toBe(0);
    await visit.check("success");
    await visit.picture(`success-${look}`);

    // A bookmark without what is behind its # sign, in a browser that was never here, with and without script.
    for (const javaScriptEnabled of look === "desktop" ? [true, false] : []) {
      const later = await Visit.start(browser, { ...options, javaScriptEnabled });
      await later.page.goto(page.url().replace(/#.*/, ""));
      expect(await later.page.textContent(".reference")).toBe(await page.textContent(".reference"));
      expect(await later.page.locator("#keep").isVisible()).toBe(false);
      await later.fits("bookmark");
      await later.end();
    }
    await visit.end();
  });
});

describe("the form", () => {
  it("keeps a draft until it is sent or deleted", async () => {
    const visit = await Visit.start(browser);
    const { page } = visit;
    await visit.goto("/");
    await fill(page, writing({ message: "A draft that survives a reload" }));
    await page.waitForSelector("text=kept on this device");
    await page.reload();
    await page.waitForSelector("text=kept on this device");
    expect(await page.inputValue("#message")).toBe("A draft that survives a reload");
    expect(await page.isChecked("input[value=technical]")).toBe(true);
    await visit.check("draft");
    await page.click("text=Delete the draft");
    expect(await page.inputValue("#message")).toBe("");
    await page.reload();
    expect(await page.inputValue("#message")).toBe("");
    await visit.end();
  });

  it("counts characters without blocking anybody, and warns of a slip in an address", async () => {
    const visit = await Visit.start(browser);
    const { page } = visit;
    await visit.goto("/");
    await page.fill("#message", "x".repeat(5003));
    await page.waitForSelector("text=You have 3 characters too many.");
    expect((await page.inputValue("#message")).length).toBe(5003);
    await page.fill("#message", "x".repeat(4999));
    await page.waitForSelector("text=You have 1 character left.");
    await page.fill("#email", "ada@gmial.com");
    await page.waitForSelector("text=Did you mean ada@gmail.com?");
    await visit.check("count");
    await visit.end();
  });

  it("can be filled in and sent with the keyboard alone", async () => {
    const visit = await Visit.start(browser);
    const { page } = visit;
    await visit.goto("/");
    await page.waitForFunction(() => document.querySelector("#message-count + [aria-live]"));
    const press = page.keyboard;
    await press.press("Tab");
    expect(await page.evaluate(() => document.activeElement?.className)).toBe("skip");
    await press.press("Enter");
    await press.press("Tab");
    const good = writing();
    await press.type(good.name);
    await press.press("Tab");
    await press.type(good.email);
    await press.press("Tab");
    await press.type(good.subject);
    await press.press("Tab");
    await press.press("Space");
    await press.press("ArrowDown");
    await press.press("Tab");
    await press.press("ArrowRight");
    await press.press("Tab");
    await press.type(good.message);
    await press.press("Tab");
    // What has the focus is in sight, with a mark that is seen.
    const seen = await page.evaluate(() => {
      const box = document.activeElement?.getBoundingClientRect();
      const style = getComputedStyle(document.activeElement as Element);
      return { text: document.activeElement?.textContent, top: box?.top ?? -1, outline: style.outlineStyle };
    });
    expect(seen).toMatchObject({ text: "Send message", outline: "solid" });
    expect(seen.top).toBeGreaterThanOrEqual(0);
    await press.press("Enter");
    await page.waitForURL(/\/received\//);
    await visit.end();
  });

  it("says so when nothing can be reached, and loses nothing", async () => {
    const visit = await Visit.start(browser);
    const { page } = visit;
    await visit.goto("/");
    await fill(page, writing());
    await visit.context.setOffline(true);
    await page.click("button.main");
    await page.waitForSelector("[role=alert]:has-text('was not sent')");
    await visit.check("offline");
    await visit.context.setOffline(false);
    await page.click("button.main");
    await page.waitForURL(/\/received\//);
    await visit.end();
  });
});
