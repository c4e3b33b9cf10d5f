// A WebSocket over a plain connection, as much of it as the tests need: not every Node has one, and this one can break.

import { randomBytes } from "node:crypto";
import { request } from "node:http";

const TEXT = 1, CLOSE = 8, PING = 9, PONG = 10;

/** Returns a class of sockets, which knows those that are there. They say more of themselves by `more` headers. */
export const sockets = (more) => {
  class Socket {
    static all = new Set();
    #stream;
    #bytes = Buffer.alloc(0);
    #parts = [];
    #code = 1006;
    #reason = "";
    #dead = false;
    constructor(url, protocols) {
      Socket.all.add(this);
      const headers = {
        connection: "Upgrade",
        upgrade: "websocket",
        "sec-websocket-version": "13",
        "sec-websocket-key": randomBytes(16).toString("base64"),
        "sec-websocket-protocol": protocols.join(", "),
        ...more,
      };
      const asked = request(url.replace("ws", "http"), { headers });
      asked.on("upgrade", (answer, stream, head) => {
        if (this.#dead || answer.headers["sec-websocket-protocol"] !== protocols[0]) return stream.destroy(), this.#end();
        this.#stream = stream;
        stream.on("data", (bytes) => this.#read(bytes));
        stream.on("close", () => this.#end());
        stream.on("error", () => {});
        this.#read(head);
      });
      asked.on("response", () => this.#end());
      asked.on("error", () => this.#end());
      asked.end();
    }
    send(text) {
      this.#write(TEXT, Buffer.from(text));
    }
    close(code = 1000) {
      if (!this.#stream) return this.kill();
      this.#write(CLOSE, Buffer.from([code >> 8, code & 255]));
      // Nobody waits for an answer.
      this.#stream.end();
    }
    /** Reads nothing until it resumes. */
    pause() {
      this.#stream?.pause();
    }
    resume() {
      this.#stream?.resume();
    }
    /** Breaks, as a tunnel has it. */
    kill() {
      this.#dead = true;
      this.#stream?.destroy();
      if (!this.#stream) this.#end();
    }
    #end() {
      if (!Socket.all.delete(this)) return;
      this.#dead = true;
      setImmediate(() => this.onclose?.({ code: this.#code, reason: this.#reason }));
    }
    #write(kind, body) {
      const size = body.length;
      const head = size < 126 ? [size | 128] : size < 65_536 ? [254, size >> 8, size & 255] : [255, 0, 0, 0, 0, size >>> 24, (size >> 16) & 255, (size >> 8) & 255, size & 255];
      const mask = randomBytes(4);
      if (!this.#dead) this.#stream?.write(Buffer.concat([Buffer.from([128 | kind, ...head]), mask, body.map((byte, at) => byte ^ mask[at & 3])]));
    }
    #read(bytes) {
      this.#bytes = Buffer.concat([this.#bytes, bytes]);
      for (;;) {
        const all = this.#bytes;
        if (all.length < 2) return;
        let size = all[1] & 127, at = 2;
        if (size > 125) {
          at = size == 126 ? 4 : 10;
          if (all.length < at) return;
          size = size == 126 ? all.readUInt16BE(2) : Number(all.readBigUInt64BE(2));
        }
        if (all.length < at + size) return;
        const body = all.subarray(at, at + size), kind = all[0] & 15, isLast = all[0] & 128;
        this.#bytes = all.subarray(at + size);
        if (kind <= TEXT) {
          this.#parts.push(body);
          if (isLast && !this.#dead) this.onmessage?.({ data: Buffer.concat(this.#parts.splice(0)).toString() });
        } else if (kind == PING) this.#write(PONG, body);
        else if (kind == CLOSE) {
          if (size >= 2) (this.#code = body.readUInt16BE(0)), (this.#reason = body.subarray(2).toString());
          this.#write(CLOSE, body.subarray(0, 2));
          this.#stream.end();
        }
      }
    }
  }
  return Socket;
};
