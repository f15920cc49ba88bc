/** Makes the status page live; what opens the ticket is behind the # sign of its address, or in a cookie. */
import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { ErrorBoundary } from "./error_boundary";
import { TicketPage } from "./ticket_page";
import { loadWords } from "./words";

const app = document.getElementById("app");
const token = /^#[\w-]{20,}$/.test(location.hash) ? location.hash.slice(1) : "";
// Without either there is nothing to show: the page goes on asking for the link.
if (app && (token || app.dataset["opened"])) {
  const words = await loadWords(document.documentElement.lang);
  const root = app.dataset["root"] ?? "";
  const place = { path: app.dataset["here"] ?? "", token, language: words.language };
  createRoot(app).render(
    <StrictMode>
      <ErrorBoundary words={words}>
        <TicketPage words={words} root={root} place={place} most={Number(app.dataset["most"])} />
      </ErrorBoundary>
    </StrictMode>,
  );
  // The other languages' links must lead to the same ticket.
  for (const link of document.querySelectorAll<HTMLAnchorElement>(".languages a")) link.hash = location.hash;
}
addEventListener("hashchange", () => {
  if (/^#[\w-]{20,}$/.test(location.hash)) location.reload();
});
