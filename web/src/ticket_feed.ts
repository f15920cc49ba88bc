/** Keeps a ticket up to date: server-sent events, and asking every few seconds where those do not come through. */
import { opening, type Place, type Ticket } from "./support_api";

export interface Listener {
  /** The ticket as it is now. */
  onTicket: (ticket: Ticket) => void;
  /** Whether the server can be reached. */
  onConnection: (connected: boolean) => void;
  /** There is no such ticket, or the token does not open it. */
  onMissing: () => void;
}

export interface Pace {
  retryMs: number;
  pollMs: number;
  /** How often it asks before it tries the events again. */
  polls: number;
  /** The server sends a sign of life every 15 seconds. */
  silenceMs: number;
}

const PACE: Pace = { retryMs: 2000, pollMs: 4000, polls: 5, silenceMs: 40_000 };
const NOT_FOUND = 404;
const NOT_MODIFIED = 304;

class Missing extends Error {}

/** Follows a ticket until the signal ends it. Every event carries the whole ticket: none can be missed or doubled. */
export async function follow(place: Place, listener: Listener, signal: AbortSignal, pace: Pace = PACE): Promise<void> {
  let seen = "";
  const onTicket = (ticket: Ticket) => {
    seen = ticket.version;
    listener.onTicket(ticket);
  };
  try {
    while (!signal.aborted) {
      const streamed = await stream(place, seen, onTicket, listener, signal, pace);
      if (streamed) {
        await pause(pace.retryMs, signal);
        continue;
      }
      for (let round = 0; round < pace.polls && !signal.aborted; round += 1) {
        await poll(place, seen, onTicket, listener, signal);
        await pause(pace.pollMs, signal);
      }
    }
  } catch (error) {
    if (error instanceof Missing) listener.onMissing();
    else if (!signal.aborted) throw error;
  }
}

/** Reads events until the stream ends; false if there was none. */
async function stream(
  place: Place,
  seen: string,
  onTicket: (ticket: Ticket) => void,
  listener: Listener,
  signal: AbortSignal,
  pace: Pace,
): Promise<boolean> {
  const silence = new AbortController();
  const quiet = () => silence.abort();
  let timer = setTimeout(quiet, pace.silenceMs);
  let received = false;
  try {
    const response = await fetch(`${place.path}/events?lang=${place.language}`, {
      headers: {
        accept: "text/event-stream",
        ...opening(place),
        ...(seen ? { "last-event-id": seen } : {}),
      },
      credentials: "same-origin",
      cache: "no-store",
      signal: AbortSignal.any([signal, silence.signal]),
    });
    if (response.status === NOT_FOUND) throw new Missing();
    if (!response.ok || !response.body) return false;
    listener.onConnection(true);
    const parser = new EventParser();
    const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return received;
      received = true;
      clearTimeout(timer);
      timer = setTimeout(quiet, pace.silenceMs);
      for (const data of parser.push(value)) onTicket(JSON.parse(data) as Ticket);
    }
  } catch (error) {
    if (error instanceof Missing) throw error;
    if (!signal.aborted) listener.onConnection(false);
    return false;
  } finally {
    clearTimeout(timer);
  }
}

async function poll(
  place: Place,
  seen: string,
  onTicket: (ticket: Ticket) => void,
  listener: Listener,
  signal: AbortSignal,
): Promise<void> {
  try {
    const response = await fetch(`${place.path}?lang=${place.language}`, {
      headers: {
        accept: "application/json",
        ...opening(place),
        ...(seen ? { "if-none-match": `"${seen}"` } : {}),
      },
      credentials: "same-origin",
      cache: "no-store",
      signal,
    });
    if (response.status === NOT_FOUND) throw new Missing();
    listener.onConnection(response.ok || response.status === NOT_MODIFIED);
    if (response.ok) onTicket((await response.json()) as Ticket);
  } catch (error) {
    if (error instanceof Missing) throw error;
    if (!signal.aborted) listener.onConnection(false);
  }
}

/** Cuts a text stream into the data of its events (HTML standard, 9.2.6). */
export class EventParser {
  private rest = "";
  private data: string[] = [];

  /** Takes the next piece and returns the events that it ends. */
  push(piece: string): string[] {
    const events: string[] = [];
    const lines = (this.rest + piece).split(/\r\n|\n|\r(?!$)/);
    this.rest = lines.pop() ?? "";
    for (const line of lines) {
      if (line === "") {
        if (this.data.length) events.push(this.data.join("\n"));
        this.data = [];
      } else if (line.startsWith("data:")) {
        this.data.push(line.slice(5).replace(/^ /, ""));
      }
    }
    return events;
  }
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, ms);
    const stop = () => {
      clearTimeout(timer);
      resolve();
    };
    signal.addEventListener("abort", stop, { once: true });
  });
}
