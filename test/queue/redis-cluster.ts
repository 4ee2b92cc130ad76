import { Redis } from "ioredis";
import { expect } from "vitest";
import { eventually } from "../eventually.js";
import { freePort } from "../free-port.js";
import { RedisServer } from "./redis-server.js";

const MASTERS = 3;
const SLOTS = 16_384;
/** How long a node may be silent before it counts as down. */
const NODE_TIMEOUT_MS = 5000;
/** How long it may take to build a cluster, or to change a master. */
const CHANGE_MS = 120_000;

interface Node {
  readonly server: RedisServer;
  readonly client: Redis;
  readonly busPort: number;
}

/** Three masters, each with a replica. */
export class RedisCluster {
  private constructor(private readonly nodes: readonly Node[]) {}

  static async start(...settings: string[]): Promise<RedisCluster> {
    const cluster = new RedisCluster(await Promise.all(Array.from({ length: 2 * MASTERS }, () => startNode(settings))));
    await cluster.#join();
    return cluster;
  }

  /** REDIS_URL; the first node of the list is away. */
  get url(): string {
    const hosts = this.nodes.slice(0, MASTERS).map(({ server }) => `127.0.0.1:${server.port}`);
    return `redis+cluster://127.0.0.1:1,${hosts.join(",")}`;
  }

  /** Lets the replica take over from its master, as before a maintenance; resolves once it has. */
  async failOver(prefix: string): Promise<void> {
    const { replica } = await this.#nodesOf(prefix);
    await replica.client.cluster("FAILOVER");
    await becomesMaster(replica);
  }

  /** Kills the master once its replica has all that it has; resolves with the master once the replica has taken over. */
  async killMaster(prefix: string): Promise<RedisServer> {
    const { master, replica } = await this.#nodesOf(prefix);
    await master.client.set(`{${prefix}}::probe`, 1, "PX", 1);
    expect(await master.client.wait(1, 10_000)).toBe(1);
    await master.server.kill();
    await becomesMaster(replica);
    return master.server;
  }

  /** Starts a server that was killed; resolves once it is a replica that has all that its master has. */
  async revive(server: RedisServer): Promise<void> {
    await server.start();
    const { client } = this.nodes.find((node) => node.server === server)!;
    await becomesReplica(client);
    await this.#becomesWhole();
  }

  async onEachNode(act: (client: Redis) => Promise<unknown>): Promise<void> {
    for (const { client } of this.nodes) await act(client);
  }

  async stop(): Promise<void> {
    for (const { client } of this.nodes) client.disconnect();
    await Promise.all(this.nodes.map(({ server }) => server.stop()));
  }

  async #join(): Promise<void> {
    const [first, ...others] = this.nodes as [Node, ...Node[]];
    for (const { server, busPort } of others)
      await first.client.call("CLUSTER", "MEET", "127.0.0.1", server.port, busPort);
    const masters = this.nodes.slice(0, MASTERS);
    for (const [index, { client }] of masters.entries()) {
      const bound = (at: number) => Math.floor((SLOTS * at) / MASTERS);
      await client.call("CLUSTER", "ADDSLOTSRANGE", bound(index), bound(index + 1) - 1);
    }
    const known = new RegExp(`^cluster_known_nodes:${this.nodes.length}\r`, "m");
    for (const { client } of this.nodes)
      await eventually(async () => {
        const info = await client.cluster("INFO");
        expect(info).toMatch(known);
        expect(info).toMatch(/^cluster_state:ok\r/m);
      }, CHANGE_MS);
    for (const [index, { client }] of this.nodes.slice(MASTERS).entries()) {
      const id = (await masters[index]!.client.call("CLUSTER", "MYID")) as string;
      await client.call("CLUSTER", "REPLICATE", id);
    }
    for (const { client } of this.nodes.slice(MASTERS)) await becomesReplica(client);
    await this.#becomesWhole();
  }

  /** Resolves once every node knows every master and its replica. */
  async #becomesWhole(): Promise<void> {
    for (const { client } of this.nodes)
      await eventually(async () => expect((await client.cluster("SLOTS")).flat()).toHaveLength(4 * MASTERS), CHANGE_MS);
  }

  async #nodesOf(prefix: string): Promise<{ master: Node; replica: Node }> {
    const alive = this.nodes.find(({ client }) => client.status === "ready")!.client;
    const slot = await alive.cluster("KEYSLOT", `{${prefix}}`);
    const [, , ...addresses] = (await alive.cluster("SLOTS")).find(([from, to]) => from <= slot && slot <= to)!;
    const [master, replica] = addresses.map(([, port]) => this.nodes.find(({ server }) => server.port === port)!);
    return { master: master!, replica: replica! };
  }
}

async function startNode(settings: readonly string[]): Promise<Node> {
  const busPort = await freePort();
  const own = ["--cluster-enabled", "yes", "--cluster-port", String(busPort)];
  const timeout = ["--cluster-node-timeout", String(NODE_TIMEOUT_MS), "--repl-diskless-sync-delay", "0"];
  const server = new RedisServer(await freePort(), [...own, ...timeout, "--appendonly", "yes", ...settings]);
  await server.start();
  const client = new Redis(server.url, { maxRetriesPerRequest: null });
  client.on("error", () => {});
  return { server, client, busPort };
}

async function becomesMaster({ client }: Node): Promise<void> {
  await eventually(async () => expect(await client.info("replication")).toMatch(/^role:master\r/m), CHANGE_MS);
}

/** Resolves once it has all that its master has. */
async function becomesReplica(client: Redis): Promise<void> {
  await eventually(
    async () => expect(await client.info("replication")).toMatch(/^master_link_status:up\r/m),
    CHANGE_MS,
  );
}
