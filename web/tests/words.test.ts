import { readdirSync, readFileSync } from "node:fs";
import { resolve } from "node:path";
import { describe, expect, it } from "vitest";
import { loadWords, say, type Words } from "../src/words";

const FOLDER = resolve(import.meta.dirname, "../../services/intake/texts");
export const LANGUAGES = readdirSync(FOLDER).map((name) => name.replace(".json", ""));

export function wordsOf(language: string): Words {
  return JSON.parse(readFileSync(resolve(FOLDER, `${language}.json`), "utf8")) as Words;
}

describe("words", () => {
  it.each(LANGUAGES)("of %s are loaded by their language", async (language) => {
    expect((await loadWords(language)).language).toBe(language);
  });

  it("of a language that nobody wrote are an error", async () => {
    await expect(loadWords("xx")).rejects.toThrow("xx");
  });

  it("take values, and leave what has none", () => {
    expect(say("{a} of {b}", { a: 1 })).toBe("1 of {b}");
  });
});
