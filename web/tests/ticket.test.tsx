import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { act, render, screen, waitFor } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import axe from "axe-core";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { ErrorBoundary } from "../src/error_boundary";
import type { Message, Ticket } from "../src/support_api";
import type { Listener } from "../src/ticket_feed";
import { TicketPage } from "../src/ticket_page";
import type { Words } from "../src/words";

const en = JSON.parse(
  readFileSync(resolve(import.meta.dirname, "../../services/intake/texts/en.json"), "utf8"),
) as Words;
const PLACE = { path: "../../support/ticket/1", token: "secret", language: "en" };
const posted = vi.fn<typeof fetch>();

function line(id: string, role: string, speaker: string, text: string): Message {
  return { message_id: id, role, speaker, text, time: "2026-03-01T12:00:00+00:00", delivery_status: "" };
}

function ticket(status: string, ...messages: Message[]): Ticket {
  return {
    ticket_id: "1",
    reference: "FTE-ABCDEFGH",
    status,
    status_text: `It is ${status}.`,
    subject: "Export",
    version: String(messages.length),
    complete: true,
    messages,
  };
}

const ASKED = line("a", "customer", "You", "How? https://evil.example/");
const ANSWERED = line("b", "ai", "Digital assistant (AI)", "So: https://help.example.com/x. <b>");
const ROBIN = line("c", "human", "Robin, support team", "I am Robin.");

function show() {
  let listener: Listener | undefined;
  const feed = vi.fn(async (_place: unknown, given: Listener, _signal: AbortSignal) => {
    listener = given;
  });
  const rendered = render(
    <ErrorBoundary words={en}>
      <TicketPage words={en} root="../../" place={PLACE} most={5000} feed={feed} />
    </ErrorBoundary>,
  );
  const tell = (what: (to: Listener) => void) => act(async () => what(listener as Listener));
  return { ...rendered, feed, tell, shown: (one: Ticket) => tell((to) => to.onTicket(one)) };
}

beforeEach(() => {
  document.title = "Open your request";
  vi.stubGlobal("fetch", posted);
});
afterEach(() => {
  vi.unstubAllGlobals();
  posted.mockReset();
});

describe("the status page", () => {
  it("says that it loads, then shows who said what", async () => {
    const page = show();
    expect(screen.getByRole("status")).toHaveTextContent("Loading your request");
    await page.shown(ticket("escalated", ASKED, ANSWERED, ROBIN));
    expect(document.title).toBe("Request FTE-ABCDEFGH");
    expect(screen.getByText("It is escalated.")).toBeVisible();
    const lines = screen.getAllByRole("listitem").map((item) => item.textContent);
    expect(lines[0]).toMatch(/^You .*How\?/);
    expect(lines[1]).toMatch(/^Digital assistant \(AI\)/);
    expect(lines[2]).toBe("Robin, support team joined the conversation");
    expect(lines[3]).toMatch(/^Robin, support team/);
  });

  it("makes links of our words alone, and no markup of anybody's", async () => {
    const page = show();
    await page.shown(ticket("open", ASKED, ANSWERED));
    expect(screen.getAllByRole("link").map((link) => link.getAttribute("href"))).toEqual(["https://help.example.com/x"]);
    expect(page.container.querySelector("b")).toBeNull();
  });

  it("tells of a new message once, and not of the customer's own", async () => {
    const page = show();
    await page.shown(ticket("open", ASKED));
    expect(page.container.querySelector(".unseen[aria-live]")).toHaveTextContent("");
    await page.shown(ticket("open", ASKED, ANSWERED));
    expect(screen.getByText("New message from Digital assistant (AI)")).toBeInTheDocument();
    await page.shown(ticket("open", ASKED, ANSWERED, line("d", "customer", "You", "More")));
    expect(screen.getAllByRole("listitem")).toHaveLength(3);
  });

  it("says when the connection is interrupted and when answers cannot be shown", async () => {
    const page = show();
    await page.shown({ ...ticket("open", ASKED), complete: false });
    expect(screen.getByText(/Some answers cannot be shown/)).toBeVisible();
    await page.tell((to) => to.onConnection(false));
    expect(screen.getByText(/The connection is interrupted/)).toBeVisible();
    await page.tell((to) => to.onConnection(true));
    expect(screen.getByText(/New messages appear by themselves/)).toBeVisible();
  });

  it("follows only while somebody looks at it", async () => {
    const page = show();
    await page.shown(ticket("open", ASKED));
    const hidden = vi.spyOn(document, "hidden", "get").mockReturnValue(true);
    document.dispatchEvent(new Event("visibilitychange"));
    expect(page.feed.mock.calls.map(([, , signal]) => signal.aborted)).toEqual([true]);
    hidden.mockRestore();
    document.dispatchEvent(new Event("visibilitychange"));
    document.dispatchEvent(new Event("visibilitychange"));
    expect(page.feed.mock.calls.map(([, , signal]) => signal.aborted)).toEqual([true, false]);
    page.unmount();
    expect(page.feed.mock.calls[1]?.[2].aborted).toBe(true);
  });

  it("asks for the link where the token opens nothing", async () => {
    const page = show();
    await page.tell((to) => to.onMissing());
    expect(screen.getByRole("heading", { name: "We cannot open this request" })).toBeVisible();
    expect(page.container.querySelector("form")).toHaveAttribute("action", "../../support/ticket/1/open");
  });

  it.each([
    ["open", "Mark as solved", "solved"],
    ["resolved", "Reopen the request", "reopen"],
    ["open", "Talk to a person", "person"],
  ])("when %s, does “%s” with the token in a header and a key", async (status, button, action) => {
    const user = userEvent.setup();
    const page = show();
    await page.shown(ticket(status, ASKED));
    posted.mockResolvedValueOnce(new Response("{}", { status: 201 }));
    await user.click(screen.getByRole("button", { name: button }));
    const [url, request] = posted.mock.calls[0] ?? [];
    expect(url).toBe(`../../support/ticket/1/${action}?lang=en`);
    expect(request?.headers).toMatchObject({ authorization: "Bearer secret" });
    expect(request?.headers).toHaveProperty("idempotency-key");
    await waitFor(() => expect(document.getElementById("status")).toHaveFocus());
  });

  it("keeps the key of what was not sent until it is", async () => {
    const user = userEvent.setup();
    const page = show();
    await page.shown(ticket("open", ASKED));
    await user.type(screen.getByLabelText("Your reply"), "More");
    posted.mockRejectedValueOnce(new TypeError("offline"));
    await user.click(screen.getByRole("button", { name: "Send reply" }));
    expect(await screen.findByText(/was not sent/)).toBeVisible();
    expect(screen.getByLabelText("Your reply")).toHaveValue("More");
    posted.mockResolvedValueOnce(new Response("{}", { status: 201 }));
    await user.click(screen.getByRole("button", { name: "Send reply" }));
    await waitFor(() => expect(screen.getByLabelText("Your reply")).toHaveValue(""));
    const keys = posted.mock.calls.map(([, request]) => (request?.headers as Record<string, string>)["idempotency-key"]);
    expect(keys[0]).toBe(keys[1]);
    await user.type(screen.getByLabelText("Your reply"), "More");
    posted.mockResolvedValueOnce(new Response("{}", { status: 201 }));
    await user.click(screen.getByRole("button", { name: "Send reply" }));
    await waitFor(() => expect(posted).toHaveBeenCalledTimes(3));
    const last = posted.mock.calls[2]?.[1]?.headers as Record<string, string>;
    expect(last["idempotency-key"]).not.toBe(keys[0]);
  });

  it("names a wrong reply above and beside it", async () => {
    const user = userEvent.setup();
    const page = show();
    await page.shown(ticket("open", ASKED));
    posted.mockResolvedValueOnce(
      new Response(JSON.stringify({ errors: [{ field: "message", message: "Enter your reply" }] }), { status: 422 }),
    );
    await user.click(screen.getByRole("button", { name: "Send reply" }));
    expect(await screen.findByRole("alert")).toHaveFocus();
    expect(document.title).toBe("Error: Request FTE-ABCDEFGH");
    expect(screen.getByLabelText("Your reply")).toHaveAccessibleDescription(/Enter your reply/);
  });

  it("shows a way on when its own code fails", async () => {
    vi.spyOn(console, "error").mockImplementation(() => undefined);
    render(
      <ErrorBoundary words={en}>
        <Broken />
      </ErrorBoundary>,
    );
    expect(screen.getAllByRole("button", { name: "Load the page again" }).length).toBeGreaterThan(0);
  });

  it.each(["open", "resolved"])("breaks none of axe's rules when %s", async (status) => {
    const page = show();
    await page.shown(ticket(status, ASKED, ANSWERED, ROBIN));
    const found = await axe.run(page.container, {
      rules: { "color-contrast": { enabled: false }, region: { enabled: false } },
    });
    expect(found.violations.map((one) => one.id)).toEqual([]);
  });
});

function Broken(): never {
  throw new Error("broken");
}
