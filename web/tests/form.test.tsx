import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { act, render, screen, waitFor, within } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import axe from "axe-core";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { clearDraft, loadDraft, saveDraft } from "../src/draft";
import { suggestedAddress } from "../src/email_typos";
import { countText } from "../src/fields";
import { FormPage, type FormState } from "../src/form_page";
import type { Words } from "../src/words";

const en = JSON.parse(
  readFileSync(resolve(import.meta.dirname, "../../services/intake/texts/en.json"), "utf8"),
) as Words;
const EMPTY: FormState = { values: {}, errors: {}, most: 5000 };
const assign = vi.fn();
const posted = vi.fn<typeof fetch>();

function answers(status: number, body: unknown): void {
  posted.mockResolvedValueOnce(new Response(JSON.stringify(body), { status }));
}

function show(state: FormState = EMPTY) {
  return render(<FormPage words={en} root="./" state={state} idempotencyKey="key-1" />);
}

beforeEach(() => {
  document.title = "Contact support";
  vi.stubGlobal("fetch", posted);
  vi.stubGlobal("location", { assign });
});
afterEach(() => {
  vi.unstubAllGlobals();
  posted.mockReset();
  assign.mockReset();
});

describe("the form", () => {
  it("posts what was typed under the page's key, and goes to the confirmation with what opens the ticket", async () => {
    const user = userEvent.setup();
    show();
    await user.type(screen.getByLabelText("Your name"), "Ada");
    await user.type(screen.getByLabelText("Your email address"), "ada@example.com");
    await user.click(screen.getByLabelText("Billing"));
    answers(201, {
      confirmation_url: "https://elsewhere.example/fte/support/ticket/1/received/2",
      status_url: "https://elsewhere.example/fte/support/ticket/1#secret",
    });
    await user.click(screen.getByRole("button", { name: "Send message" }));
    await waitFor(() => expect(assign).toHaveBeenCalledWith("./support/ticket/1/received/2?lang=en#secret"));
    const [url, request] = posted.mock.calls[0] ?? [];
    expect(url).toBe("./support/submit?lang=en");
    expect(JSON.parse(String(request?.body))).toMatchObject({
      name: "Ada",
      email: "ada@example.com",
      category: "billing",
      priority: "medium",
      website: "",
      idempotency_key: "key-1",
      language: "en",
    });
    expect(loadDraft()).toBeUndefined();
  });

  it("shows the server's errors above and beside the fields, keeps what was typed and moves the focus", async () => {
    const user = userEvent.setup();
    show();
    await user.type(screen.getByLabelText("Your name"), "A");
    answers(422, {
      errors: [
        { field: "name", message: "Your name must be 2 characters or more" },
        { field: "category", message: "Select what your message is about" },
      ],
    });
    await user.click(screen.getByRole("button", { name: "Send message" }));
    const summary = await screen.findByRole("alert");
    expect(summary).toHaveFocus();
    expect(document.title).toBe("Error: Contact support");
    const links = within(summary).getAllByRole("link");
    expect(links.map((link) => [link.getAttribute("href"), link.textContent])).toEqual([
      ["#name", "Your name must be 2 characters or more"],
      ["#category", "Select what your message is about"],
    ]);
    const name = screen.getByLabelText("Your name");
    expect(name).toHaveValue("A");
    expect(name).toBeInvalid();
    expect(name).toHaveAccessibleDescription(/Error: ?Your name must be 2/);
    expect(document.querySelector("#category")).toHaveAttribute("type", "radio");
    expect(assign).not.toHaveBeenCalled();
  });

  it("posts once however often it is pressed while it sends", async () => {
    const user = userEvent.setup();
    show();
    let answer: (response: Response) => void = () => undefined;
    posted.mockReturnValueOnce(new Promise((resolve) => (answer = resolve)));
    await user.dblClick(screen.getByRole("button", { name: "Send message" }));
    await user.click(screen.getByRole("button", { name: "Sending your message" }));
    expect(posted).toHaveBeenCalledTimes(1);
    await act(async () => answer(new Response("{}", { status: 503 })));
    expect(screen.getByRole("alert")).toHaveTextContent("was not sent");
  });

  it("says what to do about too many messages", async () => {
    const user = userEvent.setup();
    show();
    answers(429, {});
    await user.click(screen.getByRole("button", { name: "Send message" }));
    expect(await screen.findByRole("alert")).toHaveTextContent("Wait a minute");
  });

  it("has no control that a browser would check by itself, and none that blocks typing", () => {
    const { container } = show();
    expect(container.querySelector("form")).toHaveAttribute("novalidate");
    expect(container.querySelectorAll("[required], [maxlength], [pattern]")).toHaveLength(0);
    const email = screen.getByLabelText("Your email address");
    expect(email).toHaveAttribute("type", "email");
    expect(email).toHaveAttribute("autocomplete", "email");
    expect(email).toHaveAttribute("spellcheck", "false");
  });

  it.each([EMPTY, { ...EMPTY, errors: { name: "Enter your name", website: "Empty it" } }])(
    "breaks none of axe's rules",
    async (state) => {
      const { container } = show(state);
      // Colours and the page around it are looked at in a real browser.
      const found = await axe.run(container, { rules: { "color-contrast": { enabled: false }, region: { enabled: false } } });
      expect(found.violations.map((one) => one.id)).toEqual([]);
    },
  );

  it("hides the trap from people, and shows it to one whose browser filled it in", () => {
    const { unmount } = show();
    expect(screen.queryByRole("textbox", { name: "Leave this field empty" })).toBeNull();
    unmount();
    show({ ...EMPTY, values: { website: "x" }, errors: { website: "Empty it" } });
    expect(screen.getByRole("textbox", { name: "Leave this field empty" })).toHaveValue("x");
  });
});

describe("the draft", () => {
  it("comes back into an empty form, and not into one that the server filled", () => {
    saveDraft({ name: "Ada", message: "Draft", category: "billing", idempotency_key: "k", website: "x" });
    const { unmount } = show();
    expect(screen.getByLabelText("Your name")).toHaveValue("Ada");
    expect(screen.getByLabelText("Billing")).toBeChecked();
    expect(loadDraft()).not.toHaveProperty("idempotency_key");
    unmount();
    show({ ...EMPTY, values: { name: "Bea" } });
    expect(screen.getByLabelText("Your name")).toHaveValue("Bea");
  });

  it("is forgotten after a day, when it is deleted, and when it cannot be read", () => {
    saveDraft({ name: "Ada" });
    vi.useFakeTimers({ now: Date.now() + 25 * 3600 * 1000 });
    expect(loadDraft()).toBeUndefined();
    vi.useRealTimers();
    saveDraft({ name: "Ada" });
    clearDraft();
    expect(loadDraft()).toBeUndefined();
    localStorage.setItem("fte.form.draft", "{");
    expect(loadDraft()).toBeUndefined();
  });

  it("is no matter where the browser keeps nothing", () => {
    vi.spyOn(Storage.prototype, "setItem").mockImplementationOnce(() => {
      throw new Error("full");
    });
    expect(() => saveDraft({ name: "Ada" })).not.toThrow();
  });
});

describe("the count", () => {
  it.each([
    [0, ""],
    [74, ""],
    [75, "You have 25 characters left."],
    [99, "You have 1 character left."],
    [100, "You have 0 characters left."],
    [101, "You have 1 character too many."],
    [110, "You have 10 characters too many."],
  ])("of %i in 100", (length, text) => {
    expect(countText(en, 100, length)).toBe(text);
  });
});

describe("a slip in an address", () => {
  it.each([
    ["ada@gmial.com", "ada@gmail.com"],
    ["ada@GMAIL.con ", "ada@gmail.com"],
    ["ada@gmail.com", ""],
    ["@gmial.com", ""],
    ["ada", ""],
  ])("%s", (typed, meant) => {
    expect(suggestedAddress(typed)).toBe(meant);
  });
});
