/** What was typed into the form and not sent yet, kept on this device for a day at most. */
const KEY = "fte.form.draft";
const LONGEST_MS = 24 * 60 * 60 * 1000;
const KEPT = new Set(["name", "email", "subject", "category", "priority", "message"]);

/** Keeps a draft; a browser that keeps nothing loses nothing else. */
export function saveDraft(fields: Record<string, string>): void {
  const values = Object.fromEntries(Object.entries(fields).filter(([name]) => KEPT.has(name)));
  attempt(() => localStorage.setItem(KEY, JSON.stringify({ time: Date.now(), values })));
}

/** Returns the draft, if there is one that is not too old. */
export function loadDraft(): Record<string, string> | undefined {
  return attempt(() => {
    const kept = JSON.parse(localStorage.getItem(KEY) ?? "null") as {
      time: number;
      values: Record<string, string>;
    } | null;
    if (!kept || Date.now() - kept.time > LONGEST_MS) return undefined;
    const typed = ["name", "email", "subject", "message"].some((name) => kept.values[name]);
    return typed ? kept.values : undefined;
  });
}

/** Forgets the draft. */
export function clearDraft(): void {
  attempt(() => localStorage.removeItem(KEY));
}

function attempt<T>(work: () => T): T | undefined {
  try {
    return work();
  } catch {
    return undefined;
  }
}
