import { copyFileSync, mkdirSync, writeFileSync } from "node:fs";
import { createServer, request, type Server } from "node:http";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect } from "vitest";
import { eventually } from "../../eventually.js";
import { freePort } from "../../free-port.js";
import { testPython } from "../../python/environment.js";
import { execute, type Podman } from "./podman.js";

const COMPOSE_FILE = fileURLToPath(new URL("../../../docker-compose.yml", import.meta.url));
const PROJECT_NAME = "marimba-test";
/** Short, so that the tests are quick. */
export const LOCK_MS = 3000;
const READY_MS = 180_000;

/** docker-compose.yml as it is, in containers. */
export class Stack {
  /** Adds the first key to every request, so that it needs none. */
  #forwarder: Server | undefined;
  #key = "";
  address = "";

  private constructor(
    private readonly podman: Podman,
    private readonly folder: string,
    private readonly modelsDir: string,
    private readonly port: number,
  ) {}

  static async create(podman: Podman, modelsDir: string): Promise<Stack> {
    const stack = new Stack(podman, join(podman.folder, "stack"), modelsDir, await freePort());
    mkdirSync(stack.folder, { recursive: true });
    copyFileSync(COMPOSE_FILE, join(stack.folder, "docker-compose.yml"));
    writeFileSync(join(stack.folder, ".env"), `LOCK_MS=${LOCK_MS}\nSHUTDOWN_GRACE_S=1\nTHREADS=1\nMAX_BATCH=1\n`);
    await stack.down("--volumes");
    return stack;
  }

  /** The address that the API's container publishes. */
  get published(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  async up(...options: readonly string[]): Promise<void> {
    await this.compose("up", "--detach", "--no-build", ...options);
    await this.isReady();
    this.#key = await this.firstKey();
    if (!this.#forwarder) await this.#forward();
  }

  async down(...options: readonly string[]): Promise<void> {
    // Else it leaves the workers that `--scale` has started.
    await this.compose("down", "--remove-orphans", ...options);
  }

  /** Replaces the service's containers by ones of the image that has the name now. */
  async recreate(service: string): Promise<void> {
    await this.compose("up", "--detach", "--no-build", "--no-deps", "--force-recreate", service);
    await this.isReady();
  }

  async compose(...args: readonly string[]): Promise<string> {
    const { PATH, HOME } = process.env;
    const env = { PATH, HOME, PUBLISH: `127.0.0.1:${this.port}`, MODELS_DIR: this.modelsDir };
    const program = join(dirname(testPython()), "podman-compose");
    const own = ["--podman-path", this.podman.program, "--project-name", PROJECT_NAME];
    return execute(program, [...own, ...args], { cwd: this.folder, env });
  }

  container(service: string, number = 1): string {
    return `${PROJECT_NAME}_${service}_${number}`;
  }

  /** Resolves once the API answers that it is ready; rejects with what the containers say of themselves. */
  async isReady(atEachTry: () => Promise<unknown> = async () => {}): Promise<void> {
    try {
      await eventually(async () => {
        await atEachTry();
        expect((await fetch(`${this.published}/health/ready`)).status).toBe(200);
      }, READY_MS);
    } catch (error) {
      const containers = await this.podman.run("ps", "--all", "--format", "{{.Names}} {{.Status}} {{.Ports}}");
      const log = await this.podman.run("logs", "--tail", "20", this.container("api"));
      throw new Error(`The API is not ready.\n${containers}\n${log}`, { cause: error });
    }
  }

  /**
   * Kills the container and starts it again whenever it has ended, as its restart policy says: without systemd, Podman does not
   * always.
   */
  async kill(service: string): Promise<void> {
    const container = this.container(service);
    const startedAt = () => this.podman.run("inspect", "--format", "{{.State.StartedAt}}", container);
    const before = await startedAt();
    await this.podman.run("kill", "--signal", "KILL", container);
    await this.isReady(async () => {
      // Podman does nothing here until it has noticed that the container ended.
      await this.podman.run("start", container);
      expect(await startedAt()).not.toBe(before);
    });
  }

  /** Cuts the container off the network between API, workers and Redis, and connects it again afterwards. */
  async cutOff(container: string, during: () => Promise<unknown>): Promise<void> {
    const network = `${PROJECT_NAME}_inside`;
    await this.podman.run("network", "disconnect", network, container);
    try {
      await during();
    } finally {
      await this.podman.run("network", "connect", network, container);
    }
  }

  /** Runs a command inside the service's first container; returns what it prints. */
  inside(service: string, ...command: string[]): Promise<string> {
    return this.podman.run("exec", this.container(service), ...command);
  }

  async firstKey(): Promise<string> {
    return this.inside("api", "cat", "/app/keys/first-key");
  }

  async remove(): Promise<void> {
    this.#forwarder?.close();
    this.#forwarder?.closeAllConnections();
    await this.down("--volumes");
  }

  async #forward(): Promise<void> {
    this.#forwarder = createServer({ keepAliveTimeout: 0 }, (incoming, outgoing) => {
      const authorization = `Bearer ${this.#key}`;
      const { method, url, headers } = incoming;
      const forwarded = request(`${this.published}${url}`, {
        method,
        headers: { ...headers, authorization },
        agent: false,
      });
      forwarded.on("response", (answer) => {
        outgoing.writeHead(answer.statusCode!, answer.headers);
        answer.pipe(outgoing);
      });
      forwarded.on("error", () => outgoing.destroy());
      incoming.pipe(forwarded);
    });
    const port = await freePort();
    await new Promise<void>((resolve) => this.#forwarder!.listen(port, "127.0.0.1", resolve));
    this.address = `http://127.0.0.1:${port}`;
  }
}
