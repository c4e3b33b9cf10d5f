// A world without a network: a clock that moves when it is told to, and sockets whose other end is the test.

import assert from "node:assert/strict";
import { connect } from "../../livestore/client/livestore.js";

export const key = (n) => `00c0ffee-0000-4000-8000-${String(n).padStart(12, "0")}`;
export const KEY = key(1);
export const OTHER = key(2);

const later = globalThis.setImmediate;

/** Lets everything happen that waits for nothing. */
export const settle = () => new Promise((done) => later(done));

class Socket {
  sent = [];
  closed = undefined;
  constructor(world, url, protocols) {
    Object.assign(this, { world, url, protocols });
    world.sockets.push(this);
  }
  // What the client does.
  send(text) {
    if (this.closed === undefined) this.sent.push(JSON.parse(text));
  }
  close(code = 1000) {
    this.closed ??= code;
  }
  // What the other end does.
  hello(epoch = "e1", more = {}) {
    this.tell({ t: "hello", v: 1, epoch, ping: 25_000, pong: 10_000, max: { bytes: 65_536, subs: 128, rate: 50 }, ...more });
    return this;
  }
  tell(...frames) {
    for (const frame of frames) this.raw(JSON.stringify(frame));
  }
  raw(data) {
    assert.equal(this.closed, undefined, "the client has closed this socket");
    this.onmessage?.({ data });
  }
  drop(code = 1006, reason = "") {
    this.closed = code;
    this.onclose?.({ code, reason });
  }
  /** Takes what was sent since. */
  take() {
    return this.sent.splice(0);
  }
  /** Takes the one frame that was sent since. */
  one() {
    const sent = this.take();
    assert.equal(sent.length, 1, JSON.stringify(sent));
    return sent[0];
  }
}

export class World {
  sockets = [];
  timers = new Map();
  time = 1_700_000_000_000;
  /** What chance says: the longest pause, unless told otherwise. */
  chance = 1;
  listeners = new Map();
  hidden = false;
  #next = 1;
  #was = {};

  constructor(test) {
    const world = this;
    const arm = (repeat) => (run, ms = 0) => {
      const id = this.#next++;
      this.timers.set(id, { at: this.time + ms, run, every: repeat ? Math.max(ms, 1) : undefined });
      return id;
    };
    const disarm = (id) => void this.timers.delete(id);
    const listen = {
      addEventListener: (event, listener) => this.listeners.set(event, [...(this.listeners.get(event) ?? []), listener]),
      removeEventListener: (event, listener) =>
        this.listeners.set(event, (this.listeners.get(event) ?? []).filter((other) => other != listener)),
    };
    const fakes = {
      setTimeout: arm(false),
      setInterval: arm(true),
      clearTimeout: disarm,
      clearInterval: disarm,
      WebSocket: class extends Socket {
        constructor(url, protocols) {
          super(world, url, protocols);
        }
      },
      document: {
        ...listen,
        get visibilityState() {
          return world.hidden ? "hidden" : "visible";
        },
      },
      ...listen,
    };
    for (const [name, fake] of Object.entries(fakes)) {
      this.#was[name] = Object.getOwnPropertyDescriptor(globalThis, name);
      Object.defineProperty(globalThis, name, { value: fake, configurable: true, writable: true });
    }
    const { now } = Date, { random } = Math;
    Date.now = () => this.time;
    Math.random = () => this.chance;
    test.after(() => {
      for (const [name, was] of Object.entries(this.#was)) {
        if (was) Object.defineProperty(globalThis, name, was);
        else delete globalThis[name];
      }
      Object.assign(Date, { now });
      Object.assign(Math, { random });
    });
  }

  get socket() {
    return this.sockets.at(-1);
  }
  connect(options) {
    this.live = connect("ws://server/live", options);
    return this.live;
  }
  /** A connection that has begun. */
  open(options) {
    this.connect(options);
    this.socket.hello();
    return this.live;
  }
  /** Lets time pass, and what is due happen. */
  async pass(ms) {
    const end = this.time + ms;
    for (;;) {
      await settle();
      const due = [...this.timers].filter(([, timer]) => timer.at <= end).sort(([, a], [, b]) => a.at - b.at)[0];
      if (!due) break;
      const [id, timer] = due;
      this.time = Math.max(this.time, timer.at);
      if (timer.every) timer.at += timer.every;
      else this.timers.delete(id);
      timer.run();
    }
    this.time = end;
    await settle();
  }
  /** The machine sleeps: the clock goes on, and nothing happens. */
  sleep(ms) {
    this.time += ms;
    for (const timer of this.timers.values()) timer.at = Math.max(timer.at, this.time);
  }
  happen(event) {
    for (const listener of this.listeners.get(event) ?? []) listener();
  }
  /** Milliseconds until the next attempt. */
  async untilNextSocket() {
    const [before, from] = [this.sockets.length, this.time];
    await settle();
    while (this.sockets.length == before) {
      assert(this.timers.size && this.time - from < 60_000, "it does not come back");
      await this.pass(Math.max(0, Math.min(...[...this.timers.values()].map(({ at }) => at)) - this.time));
    }
    return this.time - from;
  }

  /** Watches a key that has a value. Returns the watch. */
  async watched(value = { n: 1 }, { key = KEY, ver = 5, r = "a" } = {}) {
    const watch = this.live.watch("room", key);
    await settle();
    const { id } = this.socket.one();
    this.socket.tell({ t: "ok", id, subs: [{ k: key }] }, { t: "snap", s: "room", k: key, r, ver, v: value });
    return watch;
  }
}

/** What somebody who subscribes is told. */
export const told = (observable) => {
  const values = [];
  observable.subscribe((value) => values.push(value));
  return values;
};
