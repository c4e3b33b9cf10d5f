// Connections that no client of ours would make: which stop reading, never read, are left half open, or never come to a request.

import { randomBytes } from "node:crypto";
import { connect } from "node:net";
import { sleep } from "./time.js";

const frame = (value) => {
  const body = Buffer.from(JSON.stringify(value)), mask = randomBytes(4);
  const head = body.length < 126 ? [129, body.length | 128] : [129, 254, body.length >> 8, body.length & 255];
  return Buffer.concat([Buffer.from(head), mask, body.map((byte, at) => byte ^ mask[at & 3])]);
};

/** What they are like; each until it is told to go. */
const KINDS = {
  /** Reads a little, then pauses, and says that it lives. */
  async slow(socket, isOver) {
    while (!isOver()) {
      socket.write(frame({ t: "pong" }));
      socket.resume();
      await sleep(20);
      socket.pause();
      await sleep(2_000);
    }
  },
  /** Never reads, and never answers. */
  async mute() {},
  /** Says that nothing more will come, and stays. */
  async halfOpen(socket) {
    await sleep(1_000);
    socket.end();
  },
};

export class Stranger {
  static kinds = [...Object.keys(KINDS), "speechless"];
  isOver = false;
  /** Subscribes to `keys` of a store. */
  constructor(server, kind, { token, store, keys }) {
    const { host, hostname, port } = new URL(server.url);
    this.kind = kind;
    server.dialled++;
    this.socket = connect({ host: hostname, port, allowHalfOpen: true });
    this.socket.on("error", () => {});
    this.socket.on("close", () => (this.isOver = true));
    this.socket.pause();
    const protocols = ["livestore.v1.json", ...(token ? [`livestore.token.${token}`] : [])].join(", ");
    const request = `GET /live HTTP/1.1\r\nHost: ${host}\r\nOrigin: ${server.url}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n`;
    this.socket.write(request);
    // Its request has no end.
    if (kind == "speechless") return;
    const accept = `Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: ${randomBytes(16).toString("base64")}\r\nSec-WebSocket-Protocol: ${protocols}\r\n\r\n`;
    this.socket.write(accept);
    this.socket.write(frame({ t: "sub", id: 1, s: store, keys: keys.map((k) => ({ k })) }));
    KINDS[kind](this.socket, () => this.isOver);
  }
  leave() {
    this.isOver = true;
    this.socket.destroy();
  }
}

/** Strangers who come to one server, one of each kind after the other. */
export class Strangers {
  #there = new Set();
  #next = 0;
  /** What each subscribes to, and as whom. */
  constructor(server, asks) {
    Object.assign(this, { server, asks });
  }
  /** One more comes, and the oldest goes where there are enough. */
  come() {
    if (this.#there.size >= 10) this.#leave(this.#there.values().next().value);
    const kind = Stranger.kinds[this.#next++ % Stranger.kinds.length];
    this.#there.add(new Stranger(this.server, kind, this.asks()));
  }
  #leave(stranger) {
    stranger.leave();
    this.#there.delete(stranger);
  }
  /** All go, but those of whom the server has to find out by itself that they are dead. */
  leave({ butMute = false } = {}) {
    for (const stranger of [...this.#there]) if (!(butMute && stranger.kind == "mute")) this.#leave(stranger);
  }
}
