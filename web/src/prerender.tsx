/** Renders what the server fills: whole pages with slots, and the fragments that go into them, in one language. */
import type { ReactElement, ReactNode } from "react";
import { renderToString } from "react-dom/server";
import { ErrorSummary, SummaryItem } from "./fields";
import { FORM_FIELDS, FormLayout, type FormField, OneField } from "./form_page";
import { type Files, Shell } from "./shell";
import { Line, Note } from "./thread";
import { ActionForm, Actions, CodeField, OpenForm, ReplyField, ReplyForm, TicketLayout } from "./ticket_layout";
import type { Role, Words } from "./words";

export interface Built {
  style: string;
  form: Files;
  received: Files;
  ticket: Files;
}

const slot = (name: string) => `⟦${name}⟧`;
const CHOICES = { category: "categories", priority: "priorities" } as const;
const TEXTS: FormField[] = ["name", "email", "subject", "message", "website"];
const ROLES: Role[] = ["customer", "ai", "human", "system"];

/** Returns the fragments of a language by name. */
export function fragments(words: Words, all: Words[], built: Built): Record<string, string> {
  const languages = all.map(({ language, name }) => ({ language, name }));
  const page = (
    files: Files | null,
    help: "form" | "ticket",
    data: Record<string, string>,
    children: ReactNode,
  ) =>
    `<!doctype html>${html(
      <Shell words={words} languages={languages} files={files} style={built.style} help={help} data={data}>
        {children}
      </Shell>,
    )}`;
  const ticketData = { root: slot("root"), here: slot("here"), most: slot("most") };
  return {
    ...fields(words),
    ...parts(words),
    "page.form": page(
      built.form,
      "form",
      { root: slot("root"), state: slot("state") },
      <FormLayout
        words={words}
        root={slot("root")}
        summary={slot("summary")}
        fields={Object.fromEntries(FORM_FIELDS.map((name) => [name, slot(`field.${name}`)])) as Record<FormField, string>}
        idempotencyKey={slot("key")}
      />,
    ),
    "page.received": page(built.received, "ticket", {}, <Received words={words} />),
    "page.ticket": page(
      built.ticket,
      "ticket",
      { ...ticketData, opened: "yes" },
      <TicketLayout
        words={words}
        reference={slot("reference")}
        subject={slot("subject")}
        status={slot("status")}
        summary={slot("summary")}
        incomplete={slot("incomplete")}
        thread={<ol className="thread">{slot("lines")}</ol>}
        live={
          <p>
            <a href={slot("here")}>{words.ticket.refresh}</a>
          </p>
        }
        reply={
          <ReplyForm
            words={words}
            action={`${slot("here")}/reply`}
            field={slot("field.reply")}
            idempotencyKey={slot("key")}
          />
        }
        actions={slot("actions")}
      />,
    ),
    "page.open": page(
      built.ticket,
      "ticket",
      ticketData,
      // Shown a moment later: with script and the whole link it is never needed.
      <div className="later">
        <OpenForm
          words={words}
          address={slot("here")}
          home={slot("root")}
          summary={slot("summary")}
          field={slot("field.code")}
        />
      </div>,
    ),
    "page.message": page(
      null,
      "form",
      {},
      <>
        <h1>{slot("heading")}</h1>
        <p>{slot("text")}</p>
        <p>
          <a href={slot("root")}>{words.ticket.home}</a>
        </p>
      </>,
    ),
  };
}

function Received({ words }: { words: Words }) {
  return (
    <>
      <div className="panel">
        <h1>{words.received.title}</h1>
        <p>{words.received.reference}</p>
        <p className="reference">{slot("reference")}</p>
      </div>
      <h2>{words.received.next}</h2>
      <p>{slot("expected")}</p>
      <p>{words.received.answer}</p>
      <p>
        <a className="ticket main" href={`${slot("here")}?lang=${words.language}`}>
          {words.received.open}
        </a>
      </p>
      {slot("keep")}
      <p className="hint">{words.received.bookmark}</p>
    </>
  );
}

function Keep({ words, link }: { words: Words; link: string }) {
  return (
    <div id="keep" hidden={!link}>
      <h2>{words.received.keep}</h2>
      <p>
        <code id="keep-link">{link}</code>
      </p>
      <p className="hint">{words.received.keep_hint}</p>
    </div>
  );
}

/** Every field as it is when it is right and when it is wrong, and with each choice made. */
function fields(words: Words): Record<string, string> {
  const made: Record<string, string> = {};
  for (const [kind, error] of [
    ["plain", undefined],
    ["wrong", slot("error")],
  ] as const) {
    for (const name of TEXTS) {
      made[`field.${name}.${kind}`] = html(
        <OneField words={words} name={name} value={slot("value")} most={slot("most")} error={error} />,
      );
    }
    for (const [name, texts] of Object.entries(CHOICES)) {
      for (const chosen of ["none", ...Object.keys(words[texts])]) {
        made[`field.${name}.${kind}.${chosen}`] = html(
          <OneField words={words} name={name as FormField} value={chosen} most="" error={error} />,
        );
      }
    }
    made[`field.reply.${kind}`] = html(
      <ReplyField words={words} value={slot("value")} most={slot("most")} error={error} />,
    );
    made[`field.code.${kind}`] = html(<CodeField words={words} error={error} />);
  }
  return made;
}

function parts(words: Words): Record<string, string> {
  const made: Record<string, string> = {
    summary: html(<ErrorSummary words={words}>{slot("items")}</ErrorSummary>),
    "summary.item": html(<SummaryItem field={slot("field")} error={slot("error")} />),
    "received.keep": html(<Keep words={words} link={slot("link")} />),
    "received.unkept": html(<Keep words={words} link="" />),
    "ticket.incomplete": html(<p className="notice">{words.ticket.incomplete}</p>),
    "line.note": html(<Note text={slot("text")} />),
  };
  for (const role of ROLES) {
    made[`line.${role}`] = html(
      <Line role={role} speaker={slot("speaker")} time={slot("time")} shown={slot("shown")} text={slot("text")} />,
    );
  }
  for (const resolved of [false, true]) {
    made[`ticket.${resolved ? "resolved" : "open"}`] = html(
      <Actions
        words={words}
        resolved={resolved}
        button={(action) => <ActionForm key={action} words={words} action={action} address={slot("here")} />}
      />,
    );
  }
  return made;
}

function html(element: ReactElement): string {
  // Slots that stand side by side become elements, which need no mark between them.
  return renderToString(element).replaceAll("⟧<!-- -->⟦", "⟧⟦");
}

