import { accessSync, constants } from "node:fs";
import { delimiter, join } from "node:path";
import {
  type Browser,
  type BrowserContext,
  type BrowserContextOptions,
  chromium,
  type LaunchOptions,
} from "playwright-core";

/** Chromium without windows of its own takes less than half of the processor time. */
const SHELL = "chromium-headless-shell";
const PROGRAMS = ["chromium", "chromium-browser", "google-chrome"];
/** Just below the time limit of a test (vitest.config.ts), so that a busy machine fails no test and the error names what was waited for. */
const WAIT_MS = 110_000;

/**
 * Starts the system's Chromium; Playwright's own would have to be downloaded. `isWhole`: the program that people use, for
 * what the shell lacks, such as pages that are kept for the way back.
 */
export function launchChromium(options: LaunchOptions = {}, isWhole = false): Promise<Browser> {
  const path = (process.env.PATH ?? "").split(delimiter).filter(Boolean);
  const programs = isWhole ? PROGRAMS : [SHELL, ...PROGRAMS];
  const executablePath = programs.flatMap((name) => path.map((folder) => join(folder, name))).find(isExecutable);
  if (!executablePath) {
    throw new Error(
      `The browser tests need ${PROGRAMS.join(", ")} or the like on PATH (Debian: apt-get install chromium).`,
    );
  }
  // Chromium's sandbox does not work for root, and tests in containers run as root. Only our own page is opened.
  const chromiumSandbox = process.getuid?.() !== 0;
  // Without a GPU, Chromium would imitate one on the processor that the tests need.
  return chromium.launch({ ...options, args: ["--disable-gpu"], executablePath, chromiumSandbox, timeout: WAIT_MS });
}

/** A context in which waits last as long as a test may: Playwright's own limit is half a minute. */
export async function newContext(browser: Browser, options: BrowserContextOptions = {}): Promise<BrowserContext> {
  const context = await browser.newContext(options);
  context.setDefaultTimeout(WAIT_MS);
  return context;
}

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
