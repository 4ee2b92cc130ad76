import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/**
 * A wall clock that is set differently for some processes (libfaketime). Their monotonic clock stays as it is, as on a
 * machine whose clock is wrong.
 */
export class FakeClock {
  readonly #folder = mkdtempSync(join(tmpdir(), "marimba-clock-"));
  readonly #file = join(this.#folder, "offset");
  /** What a process needs in its environment. */
  readonly environment: Readonly<Record<string, string>>;

  constructor(offsetS: number) {
    this.set(offsetS);
    this.environment = {
      LD_PRELOAD: libraryPath(),
      FAKETIME_TIMESTAMP_FILE: this.#file,
      FAKETIME_NO_CACHE: "1",
      FAKETIME_DONT_FAKE_MONOTONIC: "1",
    };
  }

  /** Seconds ahead of the machine's clock; negative: behind it. */
  set(offsetS: number): void {
    writeFileSync(this.#file, offsetS < 0 ? String(offsetS) : `+${offsetS}`);
  }

  remove(): void {
    rmSync(this.#folder, { recursive: true });
  }
}

function libraryPath(): string {
  try {
    return execFileSync("faketime", ["-m", "-f", "+0", "printenv", "LD_PRELOAD"], { encoding: "utf8" }).trim();
  } catch (error) {
    throw new Error(`The test needs faketime (Debian: apt-get install faketime): ${(error as Error).message}`);
  }
}
