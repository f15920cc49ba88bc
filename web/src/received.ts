/** The confirmation's script: hands on what opens the ticket, and forgets the draft that was sent. */
import { clearDraft } from "./draft";

clearDraft();
const token = location.hash;
if (/^#[\w-]{20,}$/.test(token)) {
  for (const link of document.querySelectorAll<HTMLAnchorElement>(".languages a, a.ticket")) link.hash = token;
  const keep = document.getElementById("keep");
  const text = document.getElementById("keep-link");
  const ticket = document.querySelector<HTMLAnchorElement>("a.ticket");
  if (keep && text && ticket) {
    text.textContent = ticket.href.replace(/\?[^#]*/, "");
    keep.hidden = false;
  }
}
