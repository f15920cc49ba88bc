/** The texts of the pages; the server reads the same files. */
import type en from "../../services/intake/texts/en.json";

export type Words = typeof en;
export type Role = "customer" | "ai" | "human" | "system";

const FILES = import.meta.glob<Words>("../../services/intake/texts/*.json", { import: "default" });

/** Loads the texts of a language that the server chose. */
export async function loadWords(language: string): Promise<Words> {
  const load = FILES[`../../services/intake/texts/${language}.json`];
  if (!load) throw new Error(`no texts for ${language}`);
  return load();
}

/** Puts values into a text: `{name}` becomes the value of `name`. */
export function say(text: string, values: Record<string, string | number> = {}): string {
  return text.replace(/\{(\w+)\}/g, (whole, name: string) => String(values[name] ?? whole));
}
