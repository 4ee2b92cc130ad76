import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from "vitest";
import { FaultyProxy } from "./faulty-proxy.js";

let serve: (socket: Socket) => void;
let proxy: FaultyProxy;
let client: Socket;
const server = createServer((socket) => serve(socket.on("error", () => {})));

beforeAll(() => once(server.listen(0, "127.0.0.1"), "listening"));
afterAll(() => void server.close());
beforeEach(async () => {
  proxy = new FaultyProxy(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
  client = connect(Number(new URL(await proxy.address()).port), "127.0.0.1").on("error", () => {});
});
afterEach(async () => {
  client.destroy();
  await proxy.close();
});

it("passes on everything that the service sent before it closed", async () => {
  const sent = Buffer.alloc(5_000_000, "x");
  serve = (socket) => socket.end(sent);
  let received = 0;
  client.on("data", (part) => {
    received += part.length;
  });
  await once(client, "end");
  expect(received).toBe(sent.length);
});

it("closes a client whose service is gone, so that nobody waits for an answer that can't come", async () => {
  serve = (socket) => socket.once("data", () => socket.resetAndDestroy());
  client.write("request");
  await once(client, "close");
});

it("leaves a frozen client open even if the service is gone", async () => {
  const sockets: Socket[] = [];
  serve = (socket) => void sockets.push(socket.on("data", (part) => socket.write(part)));
  client.write("request");
  await once(client, "data");
  proxy.freeze();
  sockets[0]!.resetAndDestroy();
  const later = connect(client.remotePort!, "127.0.0.1");
  later.write("request");
  await once(later, "data"); // by now the relay has seen the reset
  later.destroy();
  expect(client.closed).toBe(false);
});
