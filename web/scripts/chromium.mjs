/**
 * Finds a Chromium for the journeys and prints its path: FTE_CHROMIUM, one on PATH, the one that its driver has or can
 * download, else the distribution's package when we are root. Without any it says why and exits with 3.
 */
import { execFileSync } from "node:child_process";
import { accessSync, constants, existsSync } from "node:fs";
import { delimiter, join, resolve } from "node:path";
import { chromium } from "playwright-core";

const NAMES = ["chromium", "chromium-browser", "google-chrome-stable", "google-chrome", "chrome"];
const NONE = 3;
const root = resolve(import.meta.dirname, "..");

function onPath() {
  for (const folder of (process.env.PATH ?? "").split(delimiter)) {
    for (const name of NAMES) {
      try {
        accessSync(join(folder, name), constants.X_OK);
        return join(folder, name);
      } catch {
        // The next one.
      }
    }
  }
  return "";
}

function downloaded() {
  const path = chromium.executablePath();
  return existsSync(path) ? path : "";
}

/** Runs a program for a while; what it says goes to stderr. */
function attempt(program, args, seconds) {
  try {
    execFileSync(program, args, { cwd: root, stdio: ["ignore", 2, 2], timeout: seconds * 1000 });
    return true;
  } catch {
    return false;
  }
}

function find() {
  const found = process.env.FTE_CHROMIUM || onPath() || downloaded();
  if (found) return found;
  attempt(process.execPath, ["node_modules/playwright-core/cli.js", "install", "chromium"], 180);
  if (downloaded()) return downloaded();
  if (process.getuid?.() === 0 && existsSync("/usr/bin/apt-get")) {
    attempt("apt-get", ["update", "-qq"], 120);
    attempt("apt-get", ["install", "-y", "-qq", "--no-install-recommends", "chromium"], 300);
  }
  return onPath();
}

const path = find();
if (path) {
  console.log(path);
} else {
  console.error("no Chromium: install one, or name it in FTE_CHROMIUM");
  process.exit(NONE);
}
