/** REDIS_URL is not an address of Redis. The message contains no password. */
export class RedisUrlError extends Error {
  override readonly name = "RedisUrlError";
}

export interface RedisHost {
  readonly host: string;
  readonly port: number;
}

/** What REDIS_URL says. */
export interface RedisAddress {
  readonly kind: "server" | "sentinel" | "cluster";
  /** One server, the sentinels, or some nodes of the cluster. */
  readonly hosts: readonly RedisHost[];
  /** The master's name at the sentinels. */
  readonly master?: string;
  readonly db: number;
  readonly isTls: boolean;
  /** IP version; 0 means either. */
  readonly family?: 0 | 4 | 6;
  readonly username?: string;
  readonly password?: string;
}

const DEFAULT_PORT = { server: 6379, sentinel: 26_379, cluster: 6379 } as const;
const ADDRESS = /^redis(s?)(?:\+(sentinel|cluster))?:\/\/(?:([^/?#]*)@)?([^/?#@]*)(?:\/([^?#]*))?(?:\?([^#]*))?(#.*)?$/;
const PARAMETERS = ["db", "family", "password", "tls", "username"] as const;
type Parameter = (typeof PARAMETERS)[number];

/** The address without user, password and parameters: for logs and messages. */
export function publicAddress(redisUrl: string): string {
  return redisUrl.replace(/[?#].*$/, "").replace(/\/\/[^/]*@/, "//");
}

/** Reads redis://, rediss://, redis+sentinel://, redis+cluster:// or rediss+cluster://; throws `RedisUrlError`. */
export function readRedisUrl(redisUrl: string): RedisAddress {
  const [, secure, form, credentials = "", hostList = "", path = "", query = "", fragment] =
    ADDRESS.exec(redisUrl) ?? [];
  if (secure === undefined || (secure && form === "sentinel")) throw malformed();
  const kind = (form ?? "server") as RedisAddress["kind"];
  if (fragment !== undefined) refuse("has a # followed by more; if it belongs to the password, write it as %23");
  const hosts = readHosts(hostList, kind);
  const parameters = readParameters(query);
  const [name, database, ...rest] = kind === "sentinel" ? path.split("/") : [undefined, ...path.split("/")];
  if (rest.length > 0 || name === "") throw malformed();
  const isTls = secure === "s" || parameters.get("tls") === "true";
  if (isTls && kind === "sentinel") refuse("asks for TLS, which Marimba does not use with Sentinel");
  if (secure && parameters.get("tls") === "false") refuse("begins with rediss, but says tls=false");
  const db = readDatabase(database, parameters.get("db"));
  if (db > 0 && kind === "cluster") refuse(`names the database ${db}, but a cluster has only database 0`);
  return {
    kind,
    hosts,
    ...(name === undefined ? {} : { master: decode(name, "the master's name") }),
    db,
    isTls,
    ...(parameters.has("family") && { family: readFamily(parameters.get("family")!) }),
    ...readCredentials(credentials, parameters),
  };
}

function refuse(what: string): never {
  throw new RedisUrlError(`REDIS_URL ${what}.`);
}

function malformed(): RedisUrlError {
  return new RedisUrlError(
    "REDIS_URL is not an address of Redis; it must be redis://USER:PASSWORD@HOST:PORT/DATABASE, " +
      "redis+sentinel://HOST:PORT,HOST:PORT/MASTER or redis+cluster://HOST:PORT,HOST:PORT, with rediss for TLS; " +
      "in a password, / ? # and % are written as %2F, %3F, %23 and %25.",
  );
}

/** What has odd characters may be a part of the password, and is not shown. */
function readParameters(query: string): ReadonlyMap<Parameter, string> {
  const parameters = new Map<Parameter, string>();
  for (const pair of query.split("&").filter(Boolean)) {
    const [word, ...rest] = pair.split("=");
    const name = PARAMETERS.find((known) => known === word);
    if (!name) {
      if (!/^\w{1,40}$/.test(word!)) refuse("has a ? followed by more; if it belongs to the password, write it as %3F");
      refuse(`has the parameter ${word}, which Marimba does not know; it knows ${PARAMETERS.join(", ")}`);
    }
    if (parameters.has(name)) refuse(`has the parameter ${name} twice`);
    const value = decode(rest.join("="), name);
    if (name === "tls" && value !== "true" && value !== "false")
      refuse("has the parameter tls, which must be true or false");
    parameters.set(name, value);
  }
  return parameters;
}

function readDatabase(path = "", parameter?: string): number {
  if (parameter !== undefined && path !== "" && path !== parameter)
    refuse("names two databases: in its path and as db");
  const text = parameter ?? (path || "0");
  if (!/^\d{1,5}$/.test(text)) refuse("does not name its database by a number");
  return Number(text);
}

function readFamily(text: string): 0 | 4 | 6 {
  const family = ([0, 4, 6] as const).find((known) => String(known) === text);
  return family ?? refuse("has the parameter family, which must be 4, 6 or 0");
}

function readHosts(text: string, kind: RedisAddress["kind"]): RedisHost[] {
  const hosts = text.split(",").map((one) => {
    const [, host, port = DEFAULT_PORT[kind]] = /^(\[[\da-f:.]+\]|[^:[\]]*)(?::(\d{1,5}))?$/i.exec(one) ?? [];
    if (host === undefined || Number(port) > 65_535 || (host === "" && kind !== "server")) throw malformed();
    return { host: host.replace(/^\[|\]$/g, "") || "127.0.0.1", port: Number(port) };
  });
  if (hosts.length > 1 && kind === "server") {
    refuse("names several hosts; for those it must begin with redis+cluster:// or redis+sentinel://");
  }
  return hosts;
}

function readCredentials(
  text: string,
  parameters: ReadonlyMap<Parameter, string>,
): Pick<RedisAddress, "username" | "password"> {
  const [user = "", ...secret] = text.split(":");
  const given = { username: decode(user, "user"), password: decode(secret.join(":"), "password") };
  for (const name of ["username", "password"] as const) {
    const parameter = parameters.get(name);
    if (parameter !== undefined && given[name] !== "")
      refuse(`has a ${name} before the host and another as a parameter`);
    given[name] ||= parameter ?? "";
  }
  return { ...(given.username && { username: given.username }), ...(given.password && { password: given.password }) };
}

function decode(text: string, what: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return refuse(`has a % in ${what} that does not begin an escape such as %2F; write it as %25`);
  }
}
