/** The same journeys without script: the same addresses, the same rules, the same words. */
import type { Browser } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { ANSWER_MS, fill, connect, NO_SCRIPT, submitted, Visit, writing } from "./browser";

let browser: Browser;
beforeAll(async () => {
  browser = await connect();
});
afterAll(() => browser.close());

/** Loads the page again until it shows something, as somebody without script does. */
async function reloadUntil(visit: Visit, selector: string): Promise<void> {
  const end = Date.now() + ANSWER_MS;
  while (!(await visit.page.locator(selector).count())) {
    if (Date.now() > end) throw new Error(`never showed ${selector}`);
    await visit.page.waitForTimeout(300);
    await visit.page.click("text=Show new messages");
  }
}

describe("without script", () => {
  it("the form leads from errors to a confirmation, and the request can be read and answered", async () => {
    const visit = await Visit.start(browser, NO_SCRIPT);
    const { page } = visit;
    await visit.goto("/");
    const good = writing({ name: "<Ada> & \"Co\"" });
    await fill(page, { ...good, email: "ada@", message: "short" });
    await page.click("button.main");
    expect(await page.title()).toBe("Error: Contact support");
    expect(await page.locator("#summary a").allTextContents()).toHaveLength(2);
    expect(await page.inputValue("#name")).toBe(good.name);
    expect(await page.inputValue("#message")).toBe("short");
    expect(await page.isChecked("input[value=technical]")).toBe(true);
    await visit.check("errors without script");
    await visit.picture("errors-no-script");
    await page.click("#summary a");
    expect(page.url()).toContain("#email");

    await fill(page, good);
    await page.click("button.main");
    await page.waitForURL(/\/received\//);
    expect(await page.textContent("#keep-link")).toMatch(/#[\w-]{27}$/);
    await visit.check("success without script");
    await visit.picture("success-no-script");
    await page.click("a.ticket");
    await page.waitForSelector(".line.customer");
    expect(page.url()).not.toContain("#");
    await reloadUntil(visit, ".line.ai");
    await visit.check("status without script");
    await visit.picture("status-no-script");

    await page.click("text=Send reply");
    expect(await page.title()).toMatch(/^Error: Request FTE-/);
    await visit.check("empty reply without script");
    await page.fill("#reply", "How do I reset my password?");
    await page.click("text=Send reply");
    await page.waitForSelector(".line.customer:has-text('reset my password')");
    await page.click("button:has-text('Mark as solved')");
    await reloadUntil(visit, "button:has-text('Reopen the request')");
    await visit.check("solved without script");
    await page.click("button:has-text('Reopen the request')");
    await reloadUntil(visit, "button:has-text('Mark as solved')");
    await page.click("button:has-text('Talk to a person')");
    await reloadUntil(visit, ".line.system");
    await visit.end();
  });

  it("a link from a mail is opened by pasting it once", async () => {
    const { status } = await submitted();
    const visit = await Visit.start(browser, NO_SCRIPT);
    const { page } = visit;
    await page.goto(status);
    await page.waitForSelector("#code");
    await visit.check("asks for the link without script");
    await page.fill("#code", status);
    await page.click("text=Open the request");
    await page.waitForSelector(".line.customer");
    await page.reload();
    await page.waitForSelector(".line.customer");
    await visit.end();
  });
});
