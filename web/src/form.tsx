/** Makes the form live; until this has loaded, and without script, the page works as it came. */
import { StrictMode } from "react";
import { hydrateRoot } from "react-dom/client";
import { ErrorBoundary } from "./error_boundary";
import { FormPage, type FormState } from "./form_page";
import { loadWords } from "./words";

const app = document.getElementById("app");
if (app) {
  const words = await loadWords(document.documentElement.lang);
  const state = JSON.parse(app.dataset["state"] ?? "{}") as FormState;
  const key = app.querySelector<HTMLInputElement>("[name=idempotency_key]")?.value ?? "";
  hydrateRoot(
    app,
    <StrictMode>
      <ErrorBoundary words={words}>
        <FormPage words={words} root={app.dataset["root"] ?? ""} state={state} idempotencyKey={key} />
      </ErrorBoundary>
    </StrictMode>,
  );
}
