import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fences } from "../docs/shell-blocks.js";
import { eventually } from "../eventually.js";
import { freePort } from "../free-port.js";

const PAGE = new URL("../../docs/proxies.md", import.meta.url);

export type ProxyName = "nginx" | "caddy" | "haproxy";

/** Completes the page's configuration to one that listens on a port of this machine, without TLS. */
const COMPLETE: Readonly<Record<ProxyName, (text: string, port: number, folder: string) => string>> = {
  nginx: (text, port, folder) => `
    daemon off;
    pid ${folder}/pid;
    error_log stderr;
    events {}
    http {
      access_log off;
      ${["client_body", "proxy", "fastcgi", "uwsgi", "scgi"].map((what) => `${what}_temp_path ${folder}/${what};`).join("\n")}
      server {
        listen 127.0.0.1:${port};
        ${text}
      }
    }`,
  caddy: (text, port) => `{\n\tadmin off\n}\n${replaceOnce(text, "example.com", `http://127.0.0.1:${port}`)}\n`,
  haproxy: (text, port) => {
    const plain = replaceOnce(text, "bind :443 ssl crt /etc/haproxy/example.com.pem", `bind 127.0.0.1:${port}`);
    return `${replaceOnce(plain, "X-Forwarded-Proto https", "X-Forwarded-Proto http")}\n`;
  },
};

const ARGUMENTS: Readonly<Record<ProxyName, (file: string) => readonly string[]>> = {
  nginx: (file) => ["-e", "stderr", "-c", file],
  caddy: (file) => ["run", "--adapter", "caddyfile", "--config", file],
  haproxy: (file) => ["-db", "-f", file],
};

/**
 * Starts the real proxy as docs/proxies.md configures it, in front of a service; `change` may edit the page's text. Resolves
 * with the address under which it serves Marimba.
 */
export async function startProxy(name: ProxyName, service: string, change = (text: string) => text) {
  const folder = mkdtempSync(join(tmpdir(), `marimba-${name}-`));
  const [fence] = fences(readFileSync(PAGE, "utf8")).filter(({ language }) => language === name);
  const port = await freePort();
  const file = join(folder, "config");
  const text = replaceOnce(change(fence!.text), "127.0.0.1:8080", new URL(service).host);
  writeFileSync(file, COMPLETE[name](text, port, folder));
  // Debian keeps servers where only root's PATH leads.
  const env = { PATH: `${process.env.PATH}:/usr/sbin`, HOME: folder };
  const child = spawn(name, ARGUMENTS[name](file), { env, stdio: ["ignore", "pipe", "pipe"] });
  let said = "";
  for (const output of [child.stdout, child.stderr]) output.on("data", (text) => (said += text));
  const failed = new Promise<never>((_, reject) => {
    const explain = () => reject(new Error(`${name} does not run (Debian: apt-get install ${name}).\n${said}`));
    child.once("error", explain).once("exit", explain);
  });
  failed.catch(() => {});
  const address = `http://127.0.0.1:${port}/marimba`;
  await Promise.race([failed, eventually(() => fetch(`${address}/health/live`))]);
  const stop = async () => {
    const exited = once(child, "exit");
    child.kill("SIGTERM");
    await exited;
    rmSync(folder, { recursive: true, force: true });
  };
  return { address, stop };
}

function replaceOnce(text: string, part: string, by: string): string {
  if (text.split(part).length !== 2) throw new Error(`docs/proxies.md should contain ${part} once in:\n${text}`);
  return text.replace(part, () => by);
}
