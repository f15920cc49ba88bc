// @vitest-environment node
/** What `npm run build` wrote: how much a page loads, and that every fragment is there in every language. */
import { existsSync, readFileSync } from "node:fs";
import { resolve } from "node:path";
import { gzipSync } from "node:zlib";
import { describe, expect, it } from "vitest";

const OUT = resolve(import.meta.dirname, "../../build/web");
const KIB = 1024;
const MOST_KIB = 90;

interface Chunk {
  file: string;
  imports?: string[];
  dynamicImports?: string[];
}

const manifest = existsSync(OUT)
  ? (JSON.parse(readFileSync(resolve(OUT, ".vite/manifest.json"), "utf8")) as Record<string, Chunk>)
  : {};
const pages = existsSync(OUT)
  ? (JSON.parse(readFileSync(resolve(OUT, "pages.json"), "utf8")) as Record<string, Record<string, string>>)
  : {};

function size(file: string): number {
  return gzipSync(readFileSync(resolve(OUT, file)), { level: 9 }).length;
}

/** Bytes of script that a page loads, with the largest of its languages. */
function loaded(entry: string): number {
  const files = new Set<string>();
  const languages: number[] = [0];
  const visit = (key: string) => {
    const chunk = manifest[key];
    if (!chunk || files.has(chunk.file)) return;
    files.add(chunk.file);
    chunk.imports?.forEach(visit);
    languages.push(...(chunk.dynamicImports ?? []).map((one) => size(manifest[one]?.file ?? "")));
  };
  visit(entry);
  return [...files].reduce((sum, file) => sum + size(file), 0) + Math.max(...languages);
}

describe("what the pages load", () => {
  it.each([
    ["src/form.tsx", MOST_KIB],
    ["src/ticket.tsx", MOST_KIB],
    ["src/received.ts", 2],
  ])("%s is at most %i KiB of script", (entry, most) => {
    const bytes = loaded(entry);
    console.log(`${entry}: ${(bytes / KIB).toFixed(1)} KiB gzip`);
    expect(bytes).toBeGreaterThan(100);
    expect(bytes).toBeLessThanOrEqual(most * KIB);
  });
});

describe("the fragments", () => {
  it("are the same in every language", () => {
    const names = Object.keys(pages["en"] ?? {}).sort();
    expect(Object.keys(pages).sort()).toEqual(["de", "en", "es", "fr", "pt"]);
    for (const fragments of Object.values(pages)) expect(Object.keys(fragments).sort()).toEqual(names);
  });

  it("name no other host and hold nothing that the policy forbids", () => {
    for (const fragments of Object.values(pages)) {
      for (const [name, html] of Object.entries(fragments)) {
        expect(html, name).not.toMatch(/https?:\/\/|\/\/[a-z]|style=|<style|onclick|javascript:/i);
        const scripts = html.match(/<script[^>]*>/g) ?? [];
        expect(scripts.every((one) => one.includes("src=")), name).toBe(true);
      }
    }
  });
});
