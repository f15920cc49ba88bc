/** Builds the pages: the browser's files by Vite, then what the server fills, rendered from the same components. */
import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { build } from "vite";

const root = resolve(import.meta.dirname, "..");
const out = resolve(root, "../build/web");
const texts = resolve(root, "../services/intake/texts");
const LANGUAGES = ["en", "es", "de", "fr", "pt"];

await build({ root, logLevel: "warn" });
const manifest = JSON.parse(readFileSync(join(out, ".vite/manifest.json"), "utf8"));
const file = (name) => name.replace("assets/", "");

/** The files of one page: its script and all that it imports at once. */
function files(entry) {
  const preload = new Set();
  const visit = (key) => {
    for (const imported of manifest[key].imports ?? []) {
      preload.add(file(manifest[imported].file));
      visit(imported);
    }
  };
  visit(entry);
  return { script: file(manifest[entry].file), preload: [...preload] };
}

const built = {
  style: file(manifest["src/pages.css"].file),
  form: files("src/form.tsx"),
  received: files("src/received.ts"),
  ticket: files("src/ticket.tsx"),
};

// Where it finds react.
const server = join(root, "node_modules/.prerender");
await build({
  root,
  logLevel: "warn",
  publicDir: false,
  build: { ssr: "src/prerender.tsx", outDir: server, manifest: false, rollupOptions: { input: "src/prerender.tsx" } },
});
const { fragments } = await import(pathToFileURL(join(server, "prerender.js")).href);
const words = LANGUAGES.map((language) => JSON.parse(readFileSync(join(texts, `${language}.json`), "utf8")));
const pages = Object.fromEntries(words.map((one) => [one.language, fragments(one, words, built)]));
writeFileSync(join(out, "pages.json"), JSON.stringify(pages));
rmSync(server, { recursive: true });
console.log(`built ${Object.keys(pages).length} languages into ${out}`);
