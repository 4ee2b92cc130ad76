import { accessSync, constants } from "node:fs";
import { delimiter, join } from "node:path";
import { type Browser, chromium, type LaunchOptions } from "playwright-core";

const PROGRAMS = ["chromium", "chromium-browser", "google-chrome"];

/** Starts the system's Chromium; Playwright's own would have to be downloaded. */
export function launchChromium(options: LaunchOptions = {}): Promise<Browser> {
  const path = (process.env.PATH ?? "").split(delimiter).filter(Boolean);
  const executablePath = path.flatMap((folder) => PROGRAMS.map((name) => join(folder, name))).find(isExecutable);
  if (!executablePath) {
    throw new Error(
      `The browser tests need ${PROGRAMS.join(", ")} or the like on PATH (Debian: apt-get install chromium).`,
    );
  }
  // Chromium's sandbox does not work for root, and tests in containers run as root. Only our own page is opened.
  const chromiumSandbox = process.getuid?.() !== 0;
  // Without a GPU, Chromium would imitate one on the processor that the tests need.
  return chromium.launch({ ...options, args: ["--disable-gpu"], executablePath, chromiumSandbox });
}

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
