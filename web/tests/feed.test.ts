import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { EventParser, follow, type Listener } from "../src/ticket_feed";

const PLACE = { path: "/support/ticket/1", token: "secret", language: "en" };
const PACE = { retryMs: 1, pollMs: 1, polls: 2, silenceMs: 200 };
const asked = vi.fn<typeof fetch>();

function event(version: string): string {
  return `event: ticket\nid: ${version}\ndata: ${JSON.stringify({ version, messages: [] })}\n\n`;
}

/** A stream of pieces, after which it ends or breaks. */
function stream(pieces: string[], end: "closed" | "broken" = "closed"): Response {
  const body = new ReadableStream<Uint8Array>({
    pull(controller) {
      const piece = pieces.shift();
      if (piece !== undefined) controller.enqueue(new TextEncoder().encode(piece));
      else if (end === "broken") controller.error(new TypeError("cut"));
      else controller.close();
    },
  });
  return new Response(body, { headers: { "content-type": "text/event-stream" } });
}

function header(call: number, name: string): string | undefined {
  return (asked.mock.calls[call]?.[1]?.headers as Record<string, string> | undefined)?.[name];
}

/** Follows until the listener has heard a number of tickets. */
async function heard(count: number, listener: Partial<Listener> = {}): Promise<string[]> {
  const ending = new AbortController();
  const versions: string[] = [];
  await follow(
    PLACE,
    {
      onTicket: (ticket) => {
        versions.push(ticket.version);
        if (versions.length >= count) ending.abort();
      },
      onConnection: listener.onConnection ?? (() => undefined),
      onMissing: listener.onMissing ?? (() => undefined),
    },
    ending.signal,
    PACE,
  );
  return versions;
}

beforeEach(() => vi.stubGlobal("fetch", asked));
afterEach(() => {
  vi.unstubAllGlobals();
  asked.mockReset();
});

describe("the feed", () => {
  it("opens with the token in a header, and asks on from where a stream ended", async () => {
    asked.mockResolvedValueOnce(stream([event("v1")]));
    asked.mockResolvedValueOnce(stream([event("v2")]));
    expect(await heard(2)).toEqual(["v1", "v2"]);
    expect(header(0, "authorization")).toBe("Bearer secret");
    expect(String(asked.mock.calls[0]?.[0])).not.toContain("secret");
    expect(header(0, "last-event-id")).toBeUndefined();
    expect(header(1, "last-event-id")).toBe("v1");
  });

  it("asks for the ticket where the stream is refused, and tries the stream again later", async () => {
    asked.mockResolvedValueOnce(new Response("", { status: 503 }));
    asked.mockResolvedValueOnce(new Response(JSON.stringify({ version: "v1" })));
    asked.mockResolvedValueOnce(new Response(null, { status: 304 }));
    asked.mockResolvedValueOnce(stream([event("v2")]));
    expect(await heard(2)).toEqual(["v1", "v2"]);
    expect(header(2, "if-none-match")).toBe('"v1"');
    expect(header(3, "last-event-id")).toBe("v1");
  });

  it("tells of an interruption and of its end", async () => {
    const connections: boolean[] = [];
    asked.mockResolvedValueOnce(stream([event("v1")], "broken"));
    asked.mockRejectedValueOnce(new TypeError("offline"));
    asked.mockRejectedValueOnce(new TypeError("offline"));
    asked.mockResolvedValueOnce(stream([event("v2")]));
    await heard(2, { onConnection: (connected) => connections.push(connected) });
    expect(connections[0]).toBe(true);
    expect(connections).toContain(false);
    expect(connections.at(-1)).toBe(true);
  });

  it("does not wait for ever on a stream that says nothing", async () => {
    asked.mockImplementationOnce((_url, request) => {
      return new Promise((_resolve, reject) => {
        request?.signal?.addEventListener("abort", () => reject(new DOMException("aborted", "AbortError")));
      });
    });
    asked.mockImplementation(() => Promise.resolve(stream([event("v1")])));
    expect(await heard(1)).toEqual(["v1"]);
  });

  it.each([0, 1])("ends where there is no such ticket", async (streams) => {
    const onMissing = vi.fn();
    if (streams) asked.mockResolvedValueOnce(new Response("", { status: 503 }));
    asked.mockResolvedValue(new Response("", { status: 404 }));
    await heard(1, { onMissing });
    expect(onMissing).toHaveBeenCalledTimes(1);
  });
});

describe("the parser", () => {
  it("gives the same events however the stream is cut", () => {
    const whole = `retry: 2000\n\n: still here\n\n${event("v1")}event: ticket\ndata: a\ndata:b\n\n`;
    for (let cut = 0; cut <= whole.length; cut += 1) {
      const parser = new EventParser();
      const events = [...parser.push(whole.slice(0, cut)), ...parser.push(whole.slice(cut))];
      expect(events).toEqual([JSON.stringify({ version: "v1", messages: [] }), "a\nb"]);
    }
  });

  it("gives nothing of an event that has not ended", () => {
    expect(new EventParser().push("data: half\n")).toEqual([]);
  });
});
