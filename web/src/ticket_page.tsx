/** The status page with script: live thread, reply, a person please, solved, reopen. */
import { type FormEvent, useCallback, useEffect, useRef, useState } from "react";
import { ErrorSummary, SummaryItem } from "./fields";
import { act, type Answer, type Place, type Ticket } from "./support_api";
import { Thread } from "./thread";
import { follow } from "./ticket_feed";
import { type Action, ActionForm, Actions, CodeField, OpenForm, ReplyField, ReplyForm, TicketLayout } from "./ticket_layout";
import { say, type Words } from "./words";

interface Props {
  words: Words;
  root: string;
  place: Place;
  most: number;
  /** Follows a ticket until the signal ends it. */
  feed?: typeof follow;
}

/** A request as its holder sees it. */
export function TicketPage({ words, root, place, most, feed = follow }: Props) {
  const [ticket, setTicket] = useState<Ticket | null>(null);
  const [missing, setMissing] = useState(false);
  const [connected, setConnected] = useState(true);
  const [crash, setCrash] = useState<unknown>();
  const [news, setNews] = useState("");
  const known = useRef<Set<string> | null>(null);

  useEffect(() => {
    let following: AbortController | undefined;
    const onTicket = (next: Ticket) => {
      setTicket(next);
      const before = known.current;
      known.current = new Set(next.messages.map((message) => message.message_id));
      const fresh = before && next.messages.findLast((m) => m.role !== "customer" && !before.has(m.message_id));
      if (fresh) setNews(say(words.ticket.new, { speaker: fresh.speaker }));
    };
    const listener = { onTicket, onConnection: setConnected, onMissing: () => setMissing(true) };
    // A browser has few connections for one host: pages that nobody looks at must not use them up.
    const turn = () => {
      if (document.hidden) {
        following?.abort();
        following = undefined;
      } else if (!following) {
        following = new AbortController();
        feed(place, listener, following.signal).catch(setCrash);
      }
    };
    turn();
    document.addEventListener("visibilitychange", turn);
    return () => {
      document.removeEventListener("visibilitychange", turn);
      following?.abort();
    };
  }, [place, words, feed]);

  useEffect(() => {
    if (ticket) document.title = say(words.ticket.title, { reference: ticket.reference });
  }, [ticket?.reference, words]);

  // What breaks outside of rendering is for the error boundary too.
  if (crash) throw crash;
  if (missing) {
    return <OpenForm words={words} address={place.path} home={root} missing field={<CodeField words={words} />} />;
  }
  if (!ticket) {
    return (
      <p role="status" className="loading">
        {words.ticket.loading}
      </p>
    );
  }
  return (
    <OpenTicket words={words} place={place} most={most} ticket={ticket} connected={connected} news={news} />
  );
}

interface OpenTicketProps {
  words: Words;
  place: Place;
  most: number;
  ticket: Ticket;
  connected: boolean;
  news: string;
}

function OpenTicket({ words, place, most, ticket, connected, news }: OpenTicketProps) {
  const [error, setError] = useState("");
  const [attempt, setAttempt] = useState(0);
  const [notice, setNotice] = useState("");
  const [busy, setBusy] = useState<Action | "reply" | "">("");
  const [typed, setTyped] = useState("");
  // One key for each thing to do until it is done: whoever presses again does not do it twice.
  const keys = useRef<Record<string, string>>({});
  const form = useRef<HTMLFormElement | null>(null);

  useEffect(() => {
    const title = document.title.replace(words.error_prefix, "");
    document.title = error ? words.error_prefix + title : title;
    if (error) document.getElementById("summary")?.focus();
  }, [error, attempt, words]);

  const send = useCallback(
    async (what: Action | "reply", fields: Record<string, string>): Promise<Answer> => {
      const name = `${what} ${JSON.stringify(fields)}`;
      keys.current[name] ??= crypto.randomUUID();
      setBusy(what);
      setNotice("");
      const answer = await act(place, what, keys.current[name], { ...fields, language: words.language });
      setBusy("");
      if (answer.kind === "created") {
        delete keys.current[name];
        setError("");
        setNotice(words.ticket.sent);
      } else if (answer.kind !== "invalid") {
        setNotice(words.ticket.failed);
      }
      return answer;
    },
    [place, words],
  );

  async function reply(event: FormEvent<HTMLFormElement>) {
    event.preventDefault();
    if (busy) return;
    form.current = event.currentTarget;
    const control = event.currentTarget.elements.namedItem("message");
    const text = control instanceof HTMLTextAreaElement ? control.value : "";
    const answer = await send("reply", { message: text });
    if (answer.kind === "created") {
      form.current?.reset();
      setTyped("");
    } else if (answer.kind === "invalid") {
      setError(answer.errors["message"] ?? words.errors.reply.missing);
      setAttempt((before) => before + 1);
    }
  }

  async function press(event: FormEvent<HTMLFormElement>, action: Action) {
    event.preventDefault();
    if (busy) return;
    const answer = await send(action, {});
    // The button may go away with what it did.
    if (answer.kind === "created") document.getElementById("status")?.focus();
  }

  return (
    <TicketLayout
      words={words}
      reference={ticket.reference}
      subject={ticket.subject}
      status={ticket.status_text}
      summary={
        error ? (
          <ErrorSummary words={words}>
            <SummaryItem field="reply" error={error} />
          </ErrorSummary>
        ) : null
      }
      incomplete={ticket.complete ? null : <p className="notice">{words.ticket.incomplete}</p>}
      thread={<Thread words={words} messages={ticket.messages} />}
      live={
        <>
          <p className={connected ? "hint" : "notice"} role="status">
            {connected ? words.ticket.live : words.ticket.offline}
          </p>
          <p className="unseen" aria-live="polite">
            {news}
          </p>
        </>
      }
      reply={
        <ReplyForm
          words={words}
          action={`${place.path}/reply`}
          idempotencyKey=""
          field={<ReplyField words={words} value="" most={most} error={error} typed={typed} onInput={setTyped} />}
          notice={
            <p role="status" className={notice ? "notice" : "unseen"}>
              {notice}
            </p>
          }
          sending={busy === "reply"}
          onSubmit={reply}
        />
      }
      actions={
        <Actions
          words={words}
          resolved={ticket.status === "resolved"}
          button={(action) => (
            <ActionForm
              key={action}
              words={words}
              action={action}
              address={place.path}
              busy={busy === action}
              onSubmit={(event) => press(event, action)}
            />
          )}
        />
      }
    />
  );
}
