/** Intake's HTTP interface, as the pages use it. */

export interface Message {
  message_id: string;
  role: string;
  speaker: string;
  text: string;
  time: string;
  delivery_status: string;
}

export interface Ticket {
  ticket_id: string;
  reference: string;
  status: string;
  status_text: string;
  subject: string;
  version: string;
  complete: boolean;
  messages: Message[];
}

export type Answer =
  | { kind: "created"; confirmation: string }
  | { kind: "invalid"; errors: Record<string, string> }
  | { kind: "too-many" }
  | { kind: "failed" };

const TOO_MANY = 429;
const UNPROCESSABLE = 422;

interface FieldError {
  field: string;
  message: string;
}

/** Posts the form; a repeat of the same fields is the same message. */
export async function postForm(root: string, fields: Record<string, string>, language: string): Promise<Answer> {
  const response = await post(`${root}support/submit?lang=${language}`, fields);
  if (!response?.ok) return refused(response);
  const given = (await response.json()) as { confirmation_url: string; status_url: string };
  const token = given.status_url.slice(given.status_url.indexOf("#"));
  const path = given.confirmation_url.slice(given.confirmation_url.indexOf("support/ticket/"));
  return { kind: "created", confirmation: `${root}${path}?lang=${language}${token}` };
}

/** Where a ticket is, and what opens it: a token, or a cookie that goes along by itself. */
export interface Place {
  path: string;
  token: string;
  language: string;
}

/** The headers that open a ticket. */
export function opening(place: Place): Record<string, string> {
  return place.token ? { authorization: `Bearer ${place.token}` } : {};
}

/** Does something on the status page; `key` makes a repeat harmless. */
export async function act(
  place: Place,
  action: "reply" | "person" | "solved" | "reopen",
  key: string,
  fields: Record<string, string> = {},
): Promise<Answer> {
  const headers = { ...opening(place), "idempotency-key": key };
  const response = await post(`${place.path}/${action}?lang=${place.language}`, fields, headers);
  return response?.ok ? { kind: "created", confirmation: "" } : refused(response);
}

async function post(
  url: string,
  fields: Record<string, string>,
  headers: Record<string, string> = {},
): Promise<Response | undefined> {
  try {
    return await fetch(url, {
      method: "POST",
      headers: { "content-type": "application/json", accept: "application/json", ...headers },
      body: JSON.stringify(fields),
      credentials: "same-origin",
    });
  } catch {
    return undefined;
  }
}

async function refused(response: Response | undefined): Promise<Answer> {
  if (response?.status === UNPROCESSABLE) {
    const problem = (await response.json()) as { errors?: FieldError[] };
    const errors = Object.fromEntries((problem.errors ?? []).map((one) => [one.field, one.message]));
    return { kind: "invalid", errors };
  }
  return { kind: response?.status === TOO_MANY ? "too-many" : "failed" };
}
