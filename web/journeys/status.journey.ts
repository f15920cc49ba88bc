/** The status page in a real browser: live, with every action, across interruptions, and for nobody without the link. */
import type { Browser } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { ANSWER_MS, DESKTOP, connect, MOBILE, submitted, URL_BASE, Visit, Wire, writing } from "./browser";

let browser: Browser;
beforeAll(async () => {
  browser = await connect();
});
afterAll(() => browser.close());

describe("the status page", () => {
  it("shows the answer when it comes, and takes a reply, a wish for a person, solved and reopen", async () => {
    const visit = await Visit.start(browser);
    const { page } = visit;
    const { status } = await submitted();
    await page.goto(status);
    await page.waitForSelector(".line.ai", { timeout: ANSWER_MS });
    expect(await page.textContent(".line.ai strong")).toBe("Digital assistant (AI)");
    expect(await page.textContent(".line.customer strong")).toBe("You");
    await visit.check("status");
    await visit.picture("status-desktop");

    await page.click("text=Send reply");
    await page.waitForSelector("#summary");
    expect(await page.title()).toMatch(/^Error: Request FTE-/);
    expect(await page.evaluate(() => document.activeElement?.id)).toBe("summary");
    await visit.check("status with an error");
    await page.fill("#reply", "How do I reset my password?");
    await page.click("text=Send reply");
    await page.waitForSelector(".line.customer:has-text('reset my password')");
    expect(await page.inputValue("#reply")).toBe("");
    await page.waitForSelector(".line.ai >> nth=1", { timeout: ANSWER_MS });

    await page.click("button:has-text('Mark as solved')");
    await page.waitForSelector(".status:has-text('You marked this request as solved')", { timeout: ANSWER_MS });
    expect(await page.evaluate(() => document.activeElement?.id)).toBe("status");
    await visit.check("solved");
    await visit.picture("solved-desktop");
    await page.click("button:has-text('Reopen the request')");
    await page.waitForSelector("button:has-text('Mark as solved')", { timeout: ANSWER_MS });

    await page.click("button:has-text('Talk to a person')");
    await page.waitForSelector(".line.system", { timeout: ANSWER_MS });
    await page.waitForSelector(".status:has-text('A member of our team')", { timeout: ANSWER_MS });
    await visit.check("a person was asked for");
    const said = await page.locator(".line.customer .said").allTextContents();
    expect(said).toEqual([
      "How do I export my data?",
      "How do I reset my password?",
      "My request is solved.",
      "My request is not solved yet.",
      "I would like to talk to a person.",
    ]);
    await visit.end();
  });

  it("shows each message once across an interruption", async () => {
    const visit = await Visit.start(browser);
    const { page } = visit;
    const { status } = await submitted();
    const wire = await Wire.start();
    await page.goto(wire.through(status));
    await page.waitForSelector(".line.ai", { timeout: ANSWER_MS });
    wire.break();
    await page.waitForSelector("text=The connection is interrupted", { timeout: ANSWER_MS });
    await visit.check("interrupted");
    const [address, token] = status.split("#");
    const reply = await fetch(`${address ?? ""}/reply`, {
      method: "POST",
      headers: { "content-type": "application/json", authorization: `Bearer ${token ?? ""}` },
      body: JSON.stringify({ message: "How do I reset my password?" }),
    });
    expect(reply.status).toBe(201);
    wire.mend();
    await page.waitForSelector(".line.ai >> nth=1", { timeout: ANSWER_MS });
    await page.waitForSelector("text=New messages appear by themselves.");
    expect(await page.locator(".line.customer").count()).toBe(2);
    expect(await page.locator(".line").count()).toBe(4);
    await visit.end();
    wire.end();
  });

  it("works on without the live feed", async () => {
    const visit = await Visit.start(browser);
    const { page } = visit;
    await page.route("**/events*", (route) => route.fulfill({ status: 503, body: "" }));
    const { status } = await submitted();
    await page.goto(status);
    await page.waitForSelector(".line.ai", { timeout: ANSWER_MS });
    await visit.end();
  });

  it("opens for nobody without the link, and takes it pasted", async () => {
    const visit = await Visit.start(browser);
    const { page } = visit;
    const { status } = await submitted();
    await page.goto(status.replace(/#.*/, ""));
    await page.waitForSelector("#code");
    await visit.check("asks for the link");
    await visit.picture("open-desktop");
    expect(await page.textContent("main")).not.toContain("export");
    await page.fill("#code", "nonsense");
    await page.click("text=Open the request");
    await page.waitForSelector("#summary");
    await visit.check("a wrong link");
    await page.fill("#code", status);
    await page.click("text=Open the request");
    await page.waitForSelector(".line.customer");
    expect(page.url()).not.toContain("#");
    await visit.end();
    const wrong = await Visit.start(browser);
    await wrong.page.goto(status.replace(/#.*/, `#${"A".repeat(27)}`));
    await wrong.page.waitForSelector("text=We cannot open this request");
    await wrong.check("a wrong token");
    await wrong.end();
  });

  it("can be used with the keyboard alone", async () => {
    const visit = await Visit.start(browser);
    const { page } = visit;
    const { status } = await submitted();
    await page.goto(status);
    await page.waitForSelector(".line.ai", { timeout: ANSWER_MS });
    const reached: string[] = [];
    for (let presses = 0; presses < 30; presses += 1) {
      await page.keyboard.press("Tab");
      const name = await page.evaluate(() => document.activeElement?.id || document.activeElement?.textContent || "");
      reached.push(name);
      if (name === "reply") await page.keyboard.type("I would like to know more about exporting.");
      if (name === "Send reply") {
        await page.keyboard.press("Enter");
        break;
      }
    }
    expect(reached).toContain("reply");
    await page.waitForSelector(".line.customer >> nth=1");
    await visit.end();
  });
});

describe("a request that a person has", () => {
  const held = process.env["FTE_WEB_HELD"] ?? "";
  it.each([
    ["desktop", DESKTOP],
    ["mobile", MOBILE],
    ["dark", { ...DESKTOP, colorScheme: "dark" }],
  ] as const)("names the person on %s", async (look, options) => {
    const visit = await Visit.start(browser, options);
    await visit.page.goto(held);
    await visit.page.waitForSelector(".line.human");
    expect(await visit.page.textContent(".line.human strong")).toBe("Robin, support team");
    expect(await visit.page.textContent(".note")).toBe("Robin, support team joined the conversation");
    await visit.check("a person answers");
    await visit.picture(`status-person-${look}`);
    await visit.end();
  });
});

describe("one address or another", () => {
  it("makes no difference to what a form answers", async () => {
    const first = writing();
    await submitted(first);
    const shapes = [];
    for (const email of [first.email, writing().email]) {
      const response = await fetch(new URL("/support/submit", URL_BASE), {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify({ ...first, email, subject: "Something else" }),
      });
      const names = [...response.headers.keys()].filter((name) => name !== "date");
      const body = (await response.text()).replace(/[0-9a-f-]{32,36}|#[\w-]{27}|FTE-\w{8}/g, "…");
      shapes.push([response.status, names, body]);
    }
    expect(shapes[0]).toEqual(shapes[1]);
  });
});
