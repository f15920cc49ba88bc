/** What was said, and who said it. */
import type { ReactNode } from "react";
import type { Message } from "./support_api";
import { say, type Role, type Words } from "./words";

const ROLES = new Set<string>(["customer", "ai", "human", "system"]);

/** Returns the role by which a line is shown. */
export function roleOf(role: string): Role {
  return ROLES.has(role) ? (role as Role) : "system";
}

/** One line: who, when, what. */
export function Line(props: { role: Role; speaker: string; time: string; shown: string; text: ReactNode }) {
  return (
    <li className={`line ${props.role}`}>
      <p className="who">
        <strong>{props.speaker}</strong> <time dateTime={props.time}>{props.shown}</time>
      </p>
      <p className="said">{props.text}</p>
    </li>
  );
}

/** A change of who answers. */
export function Note({ text }: { text: string }) {
  return <li className="note">{text}</li>;
}

/** The whole thread, oldest line first. */
export function Thread({ words, messages }: { words: Words; messages: Message[] }) {
  const lines: ReactNode[] = [];
  let person = "";
  for (const [place, message] of messages.entries()) {
    const key = message.message_id || String(place);
    if (message.role === "human" && message.speaker !== person) {
      person = message.speaker;
      lines.push(<Note key={`${key}-note`} text={say(words.ticket.joined, { speaker: person })} />);
    } else if (message.role === "ai" && person) {
      person = "";
      lines.push(<Note key={`${key}-note`} text={words.ticket.left} />);
    }
    lines.push(
      <Line
        key={key}
        role={roleOf(message.role)}
        speaker={message.speaker}
        time={message.time}
        shown={shownTime(words.language, message.time)}
        text={message.role === "customer" ? message.text : linked(message.text)}
      />,
    );
  }
  return <ol className="thread">{lines}</ol>;
}

function shownTime(language: string, time: string): string {
  // The reader's own kind of the language, where the browser says it: dates differ between them.
  const own = navigator.language.startsWith(language) ? navigator.language : language;
  return new Intl.DateTimeFormat(own, { dateStyle: "medium", timeStyle: "short" }).format(new Date(time));
}

const LINK = /(https?:\/\/[^\s<>"]*[^\s<>".,;:!?)\]])/;

/** Makes our own addresses clickable; customers' words stay as they are. */
function linked(text: string): ReactNode {
  return text.split(LINK).map((part, place) =>
    place % 2 ? (
      <a key={part + String(place)} href={part} rel="noreferrer">
        {part}
      </a>
    ) : (
      part
    ),
  );
}
