/** The controls of the forms, with what is wrong with them as GOV.UK's design system shows it. */
import { type ReactNode, useEffect, useState } from "react";
import { say, type Words } from "./words";

interface FieldProps {
  words: Words;
  name: string;
  label: string;
  error?: string | undefined;
  hint?: string | undefined;
}

function ErrorText({ words, name, error }: Pick<FieldProps, "words" | "name" | "error">) {
  if (!error) return null;
  return (
    <p className="error" id={`${name}-error`}>
      <span className="unseen">{words.error_prefix}</span>
      <span>{error}</span>
    </p>
  );
}

function described(name: string, parts: (string | false | undefined)[]): string | undefined {
  const ids = parts.filter(Boolean).map((part) => `${name}-${part}`);
  return ids.length ? ids.join(" ") : undefined;
}

interface TextFieldProps extends FieldProps {
  value: string;
  type?: string;
  autoComplete?: string;
  onInput?: (value: string) => void;
  children?: ReactNode;
}

/** A line of text. */
export function TextField(props: TextFieldProps) {
  const { words, name, label, error, hint, value, type = "text", autoComplete = "off" } = props;
  return (
    <div className={error ? "field wrong" : "field"}>
      <label htmlFor={name}>{label}</label>
      {hint && (
        <p className="hint" id={`${name}-hint`}>
          {hint}
        </p>
      )}
      <ErrorText words={words} name={name} error={error} />
      <input
        id={name}
        name={name}
        type={type}
        autoComplete={autoComplete}
        spellCheck={type === "email" ? false : undefined}
        autoCapitalize={type === "email" ? "none" : undefined}
        defaultValue={value}
        aria-invalid={error ? true : undefined}
        aria-describedby={described(name, [hint && "hint", error && "error"])}
        onInput={(event) => props.onInput?.(event.currentTarget.value)}
      />
      {props.children}
    </div>
  );
}

interface TextAreaProps extends FieldProps {
  /** The control's name where it is not its id. */
  control?: string;
  value: string;
  most: number | string;
  rows: number;
  typed?: string;
  onInput?: (value: string) => void;
}

/** Some lines of text with a count of its characters; typing is never blocked. */
export function TextArea(props: TextAreaProps) {
  const { words, name, label, error, hint, value, most, rows } = props;
  return (
    <div className={error ? "field wrong" : "field"}>
      <label htmlFor={name}>{label}</label>
      {hint && (
        <p className="hint" id={`${name}-hint`}>
          {hint}
        </p>
      )}
      <ErrorText words={words} name={name} error={error} />
      <textarea
        id={name}
        name={props.control ?? name}
        rows={rows}
        defaultValue={value}
        aria-invalid={error ? true : undefined}
        aria-describedby={described(name, [hint && "hint", error && "error", "count"])}
        onInput={(event) => props.onInput?.(event.currentTarget.value)}
      />
      <CharacterCount words={words} name={name} most={most} length={[...(props.typed ?? "")].length} />
    </div>
  );
}

/** From this share of the limit on, the count is shown and read out. */
const COUNTED_FROM = 0.75;
const TYPING_STOPPED_MS = 1000;

/** Says how many characters are left; read out only when typing stops. */
export function CharacterCount(props: {
  words: Words;
  name: string;
  most: number | string;
  length: number;
}) {
  const { words, name, most, length } = props;
  const text = countText(words, Number(most), length);
  const [read, setRead] = useState("");
  useEffect(() => {
    const timer = setTimeout(() => setRead(text), TYPING_STOPPED_MS);
    return () => clearTimeout(timer);
  }, [text]);
  const over = length > Number(most);
  return (
    <>
      <p className={over ? "hint over" : "hint"} id={`${name}-count`}>
        {text || say(words.count.limit, { most })}
      </p>
      <p className="unseen" aria-live="polite">
        {read}
      </p>
    </>
  );
}

/** What to say of a length; empty while there is plenty of room. */
export function countText(words: Words, most: number, length: number): string {
  if (!(length >= most * COUNTED_FROM)) return "";
  const left = most - length;
  if (left >= 0) {
    return left === 1 ? words.count.left_one : say(words.count.left, { count: left });
  }
  return left === -1 ? words.count.over_one : say(words.count.over, { count: -left });
}

/** One of several. */
export function Radios(
  props: FieldProps & { choices: Record<string, string>; chosen: string; inline?: boolean },
) {
  const { words, name, label, error, choices, chosen } = props;
  return (
    <fieldset className={error ? "field wrong" : "field"} aria-describedby={described(name, [error && "error"])}>
      <legend>{label}</legend>
      <ErrorText words={words} name={name} error={error} />
      <div className={props.inline ? "choices inline" : "choices"}>
        {Object.entries(choices).map(([value, text], place) => {
          // The summary's link leads to the first of them.
          const id = place === 0 ? name : `${name}-${value}`;
          return (
            <div className="choice" key={value}>
              <input type="radio" id={id} name={name} value={value} defaultChecked={value === chosen} />
              <label htmlFor={id}>{text}</label>
            </div>
          );
        })}
      </div>
    </fieldset>
  );
}

/** A field that nobody sees unless it was filled in: only programs do that, or a browser by mistake. */
export function Trap({ words, error, value }: { words: Words; error?: string | undefined; value: string }) {
  return (
    <div className={error ? "field wrong" : "trap"} aria-hidden={error ? undefined : true}>
      <label htmlFor="website">{words.form.website}</label>
      <ErrorText words={words} name="website" error={error} />
      <input
        id="website"
        name="website"
        type="text"
        autoComplete="off"
        tabIndex={error ? undefined : -1}
        defaultValue={value}
        aria-describedby={described("website", [error && "error"])}
      />
    </div>
  );
}

/** The list of what is wrong, at the top of the page. */
export function ErrorSummary({ words, children }: { words: Words; children: ReactNode }) {
  return (
    <div className="summary" role="alert" tabIndex={-1} id="summary" aria-labelledby="summary-title">
      <h2 id="summary-title">{words.summary}</h2>
      <ul>{children}</ul>
    </div>
  );
}

/** One entry of the list: a link to the field, in the same words as beside it. */
export function SummaryItem({ field, error }: { field: string; error: string }) {
  return (
    <li>
      <a href={`#${field}`}>{error}</a>
    </li>
  );
}
