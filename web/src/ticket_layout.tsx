/** The status page's markup: what the server fills for who has no script, and what script fills itself. */
import type { FormEvent, ReactNode } from "react";
import { TextArea, TextField } from "./fields";
import type { Words } from "./words";

interface Parts {
  words: Words;
  reference: string;
  subject: string;
  status: string;
  summary: ReactNode;
  incomplete: ReactNode;
  thread: ReactNode;
  live: ReactNode;
  reply: ReactNode;
  actions: ReactNode;
}

/** A request: its state in plain words, what was said, what can be done. */
export function TicketLayout(props: Parts) {
  const { words } = props;
  const [before, after] = words.ticket.title.split("{reference}");
  return (
    <>
      {props.summary}
      <h1>
        {before}
        <span className="whole">{props.reference}</span>
        {after}
      </h1>
      <p className="subject">{props.subject}</p>
      <p className="status" id="status" tabIndex={-1}>
        {props.status}
      </p>
      {props.incomplete}
      <h2>{words.ticket.thread}</h2>
      {props.thread}
      {props.live}
      {props.reply}
      {props.actions}
    </>
  );
}

interface ReplyProps {
  words: Words;
  action: string;
  field: ReactNode;
  idempotencyKey: string;
  notice?: ReactNode;
  sending?: boolean;
  onSubmit?: (event: FormEvent<HTMLFormElement>) => void;
}

/** The form for a reply. */
export function ReplyForm(props: ReplyProps) {
  const { words } = props;
  return (
    <form method="post" action={props.action} noValidate onSubmit={props.onSubmit}>
      {props.field}
      <input type="hidden" name="idempotency_key" defaultValue={props.idempotencyKey} />
      <input type="hidden" name="language" defaultValue={words.language} />
      {props.notice}
      <button type="submit" className="main" aria-disabled={props.sending || undefined}>
        {props.sending ? words.ticket.sending : words.ticket.send}
      </button>
    </form>
  );
}

/** The field for a reply. */
export function ReplyField(props: {
  words: Words;
  value: string;
  most: number | string;
  error?: string | undefined;
  typed?: string;
  onInput?: (value: string) => void;
}) {
  const { words, value, most, error, typed, onInput } = props;
  return (
    <TextArea
      words={words}
      name="reply"
      control="message"
      label={words.ticket.reply}
      value={value}
      most={most}
      rows={5}
      error={error}
      {...(typed === undefined ? {} : { typed })}
      {...(onInput ? { onInput } : {})}
    />
  );
}

export type Action = "person" | "solved" | "reopen";

/** What can be done with one press: the same place in every state. */
export function Actions(props: { words: Words; resolved: boolean; button: (action: Action) => ReactNode }) {
  const shown: Action[] = props.resolved ? ["reopen", "person"] : ["solved", "person"];
  return <div className="actions">{shown.map((action) => props.button(action))}</div>;
}

/** One press and what it does. */
export function ActionForm(props: {
  words: Words;
  action: Action;
  address: string;
  busy?: boolean;
  onSubmit?: (event: FormEvent<HTMLFormElement>) => void;
}) {
  const { words, action } = props;
  const hint = { person: words.ticket.person_hint, solved: words.ticket.solved_hint, reopen: words.ticket.reopen_hint };
  return (
    <form method="post" action={`${props.address}/${action}`} onSubmit={props.onSubmit} className="action">
      <input type="hidden" name="language" defaultValue={words.language} />
      <button type="submit" aria-describedby={`${action}-hint`} aria-disabled={props.busy || undefined}>
        {words.ticket[action]}
      </button>
      <p className="hint" id={`${action}-hint`}>
        {hint[action]}
      </p>
    </form>
  );
}

/** Asks for the link: where the page was opened without what is behind its # sign. */
export function OpenForm(props: {
  words: Words;
  address: string;
  home: string;
  summary?: ReactNode;
  field: ReactNode;
  missing?: boolean;
}) {
  const { words } = props;
  return (
    <>
      {props.summary}
      <h1>{props.missing ? words.ticket.not_found : words.ticket.open_title}</h1>
      <p>{props.missing ? words.ticket.not_found_text : words.ticket.open_lead}</p>
      <form method="post" action={`${props.address}/open`} noValidate>
        {props.field}
        <input type="hidden" name="language" defaultValue={words.language} />
        <button type="submit" className="main">
          {words.ticket.open}
        </button>
      </form>
      <p>
        <a href={props.home}>{words.ticket.home}</a>
      </p>
    </>
  );
}

/** The field for the link. */
export function CodeField({ words, error }: { words: Words; error?: string | undefined }) {
  return <TextField words={words} name="code" label={words.ticket.open_code} value="" error={error} />;
}
