/** The support form. `FormLayout` is its markup, which the server fills too; `FormPage` makes it live. */
import { type FormEvent, type ReactNode, useEffect, useRef, useState } from "react";
import { postForm } from "./support_api";
import { clearDraft, loadDraft, saveDraft } from "./draft";
import { ErrorSummary, Radios, SummaryItem, TextArea, TextField, Trap } from "./fields";
import { suggestedAddress } from "./email_typos";
import { say, type Words } from "./words";

export const FORM_FIELDS = ["name", "email", "subject", "category", "priority", "message", "website"] as const;
export type FormField = (typeof FORM_FIELDS)[number];

export interface FormState {
  values: Partial<Record<FormField, string>>;
  errors: Partial<Record<FormField, string>>;
  most: number;
}

interface LayoutProps {
  words: Words;
  root: string;
  summary: ReactNode;
  fields: Record<FormField, ReactNode>;
  idempotencyKey: string;
  notice?: ReactNode;
  draft?: ReactNode;
  sending?: boolean;
  onSubmit?: (event: FormEvent<HTMLFormElement>) => void;
  onInput?: (event: FormEvent<HTMLFormElement>) => void;
}

/** The form as it is without script. */
export function FormLayout(props: LayoutProps) {
  const { words, fields } = props;
  return (
    <>
      {props.summary}
      <h1>{words.form.title}</h1>
      <p className="lead">{words.form.lead}</p>
      <form
        method="post"
        action={`${props.root}support/submit`}
        noValidate
        onSubmit={props.onSubmit}
        onInput={props.onInput}
        aria-busy={props.sending || undefined}
      >
        {FORM_FIELDS.map((name) => fields[name])}
        <input type="hidden" name="idempotency_key" defaultValue={props.idempotencyKey} />
        <input type="hidden" name="language" defaultValue={words.language} />
        {props.notice}
        <button type="submit" className="main" aria-disabled={props.sending || undefined}>
          {props.sending ? words.form.sending : words.form.send}
        </button>
        {props.draft}
      </form>
    </>
  );
}

interface OneFieldProps {
  words: Words;
  name: FormField;
  value: string;
  most: number | string;
  error?: string | undefined;
  typed?: string;
  onInput?: (value: string) => void;
  children?: ReactNode;
}

/** One field of the form. */
export function OneField(props: OneFieldProps) {
  const { words, name, value, error, most } = props;
  const shared = { words, name, error };
  switch (name) {
    case "name":
      return <TextField {...shared} label={words.form.name} value={value} autoComplete="name" />;
    case "email":
      return (
        <TextField
          {...shared}
          label={words.form.email}
          hint={words.form.email_hint}
          value={value}
          type="email"
          autoComplete="email"
          {...(props.onInput ? { onInput: props.onInput } : {})}
        >
          {props.children}
        </TextField>
      );
    case "subject":
      return <TextField {...shared} label={words.form.subject} value={value} />;
    case "category":
      return <Radios {...shared} label={words.form.category} choices={words.categories} chosen={value} />;
    case "priority":
      return <Radios {...shared} label={words.form.priority} choices={words.priorities} chosen={value} inline />;
    case "message":
      return (
        <TextArea
          {...shared}
          label={words.form.message}
          hint={words.form.message_hint}
          value={value}
          most={most}
          rows={8}
          {...(props.typed === undefined ? {} : { typed: props.typed })}
          {...(props.onInput ? { onInput: props.onInput } : {})}
        />
      );
    case "website":
      return <Trap words={words} error={error} value={value} />;
  }
}

const DEFAULT_PRIORITY = "medium";

/** The form with script: it keeps a draft, counts characters, and shows errors without leaving the page. */
export function FormPage(props: { words: Words; root: string; state: FormState; idempotencyKey: string }) {
  const { words, root, state } = props;
  const form = useRef<HTMLFormElement | null>(null);
  const [errors, setErrors] = useState(state.errors);
  const [attempt, setAttempt] = useState(0);
  const [sending, setSending] = useState(false);
  const [notice, setNotice] = useState("");
  const [message, setMessage] = useState(state.values.message ?? "");
  const [email, setEmail] = useState(state.values.email ?? "");
  const [drafted, setDrafted] = useState<"none" | "kept" | "deleted">("none");
  const busy = useRef(false);

  useEffect(() => {
    form.current = document.querySelector("form");
    const fresh = Object.keys(state.values).length === 0;
    const draft = fresh ? loadDraft() : undefined;
    if (form.current && draft) {
      fill(form.current, draft);
      setDrafted("kept");
    }
    // What was typed before the script was there.
    setMessage(valueOf(form.current, "message"));
    setEmail(valueOf(form.current, "email"));
  }, [state.values]);

  const wrong = Object.keys(errors).length > 0;
  useEffect(() => {
    const title = document.title.replace(words.error_prefix, "");
    document.title = wrong ? words.error_prefix + title : title;
    if (wrong) document.getElementById("summary")?.focus();
  }, [wrong, attempt, words]);

  async function submit(event: FormEvent<HTMLFormElement>) {
    event.preventDefault();
    if (busy.current) return;
    busy.current = true;
    setSending(true);
    setNotice("");
    const answer = await postForm(root, fieldsOf(event.currentTarget), words.language);
    busy.current = false;
    setSending(false);
    if (answer.kind === "created") {
      clearDraft();
      location.assign(answer.confirmation);
    } else if (answer.kind === "invalid") {
      setErrors(answer.errors);
      setAttempt((before) => before + 1);
    } else {
      setNotice(answer.kind === "too-many" ? words.problems["too-many"].join(". ") : words.ticket.failed);
    }
  }

  function keep(event: FormEvent<HTMLFormElement>) {
    saveDraft(fieldsOf(event.currentTarget));
    setDrafted("kept");
  }

  function forget() {
    clearDraft();
    form.current?.reset();
    for (const name of ["name", "email", "subject", "message"]) {
      const control = form.current?.elements.namedItem(name);
      if (control instanceof HTMLInputElement || control instanceof HTMLTextAreaElement) control.value = "";
    }
    setMessage("");
    setEmail("");
    setErrors({});
    setDrafted("deleted");
  }

  const suggestion = suggestedAddress(email);
  const field = (name: FormField) => (
    <OneField
      key={name}
      words={words}
      name={name}
      value={state.values[name] ?? (name === "priority" ? DEFAULT_PRIORITY : "")}
      most={state.most}
      error={errors[name]}
      {...(name === "message" ? { typed: message, onInput: setMessage } : {})}
      {...(name === "email" ? { onInput: setEmail } : {})}
    >
      {name === "email" && suggestion ? (
        <p className="hint" role="status">
          {say(words.form.email_typo, { address: suggestion })}
        </p>
      ) : null}
    </OneField>
  );
  return (
    <FormLayout
      words={words}
      root={root}
      summary={
        wrong ? (
          <ErrorSummary words={words}>
            {FORM_FIELDS.filter((name) => errors[name]).map((name) => (
              <SummaryItem key={name} field={name} error={errors[name] ?? ""} />
            ))}
          </ErrorSummary>
        ) : null
      }
      fields={Object.fromEntries(FORM_FIELDS.map((name) => [name, field(name)])) as Record<FormField, ReactNode>}
      idempotencyKey={props.idempotencyKey}
      notice={
        notice ? (
          <p className="notice" role="alert">
            {notice}
          </p>
        ) : null
      }
      draft={
        drafted === "none" ? null : (
          <p className="hint" role="status">
            {drafted === "deleted" ? words.form.draft_deleted : words.form.draft}{" "}
            {drafted === "kept" ? (
              <button type="button" className="plain" onClick={forget}>
                {words.form.draft_delete}
              </button>
            ) : null}
          </p>
        )
      }
      sending={sending}
      onSubmit={submit}
      onInput={keep}
    />
  );
}

function fieldsOf(form: HTMLFormElement): Record<string, string> {
  const fields: Record<string, string> = {};
  for (const [name, value] of new FormData(form)) {
    if (typeof value === "string") fields[name] = value;
  }
  return fields;
}

function valueOf(form: HTMLFormElement | null, name: string): string {
  const control = form?.elements.namedItem(name);
  return control instanceof HTMLInputElement || control instanceof HTMLTextAreaElement ? control.value : "";
}

/** Puts a draft into controls that are still as they came. */
function fill(form: HTMLFormElement, draft: Record<string, string>) {
  for (const [name, value] of Object.entries(draft)) {
    const control = form.elements.namedItem(name);
    if (control instanceof RadioNodeList) control.value = value;
    else if (control instanceof HTMLInputElement || control instanceof HTMLTextAreaElement) {
      if (!control.value) control.value = value;
    }
  }
}
