// The browser's side of livestore::ws. livestore.d.ts says what everything does. MIT OR Apache-2.0.

const PROTOCOL = "livestore.v1.json";
/** How long a hello may take, and how long a connection must have lasted to count as a good one; in milliseconds, as all. */
const PATIENCE = 10_000, STEADY = 5_000;
/** Attempts lie apart by a random time up to this, which doubles. */
const FIRST = 250, LONGEST = 16_000;
/** How long an update is held back that may hold what one's own command did, until its reply says so. */
const HOLD = 30;
const UUID = /^[\da-f]{8}(-[\da-f]{4}){3}-[\da-f]{12}$/;
/** How many requests may be unanswered; the server refuses more. */
const WINDOW = 32;

export class LiveError extends Error {
  name = "LiveError";
  constructor(code, { err, ver, retry = false, after } = {}) {
    super(typeof err == "string" ? `${code}: ${err}` : code);
    Object.assign(this, { code, reason: err, version: ver, retry, after });
  }
}

/** Who wants to be told. One that throws takes nothing from the others. */
class Audience extends Set {
  join = (listener) => {
    const seat = { listener };
    this.add(seat);
    return () => void this.delete(seat);
  };
  tell(tellOne) {
    for (const seat of [...this]) {
      try {
        if (this.has(seat)) tellOne(seat.listener);
      } catch (error) {
        queueMicrotask(() => { throw error; });
      }
    }
  }
}

class Observable {
  #audience = new Audience();
  constructor(value) {
    this.value = value;
  }
  subscribe = (listener) => {
    const leave = this.#audience.join(listener);
    try {
      listener(this.value);
    } catch (error) {
      leave();
      throw error;
    }
    return leave;
  };
  getSnapshot = () => this.value;
  _set(value, always) {
    if (!always && Object.is(value, this.value)) return;
    this.value = value;
    // A listener may bring about a newer one, so nobody is told of an older one after it.
    this.#audience.tell((listener) => listener(this.value));
  }
}

// Documents. They are frozen, and parts that have not changed stay the same objects. A key is a key, also `__proto__`: only own
// properties are looked at, and new ones are defined.

const isObject = (value) => typeof value == "object" && value !== null;
const isCount = (value) => Number.isInteger(value) && value >= 0;
const own = (node, key) => (Object.hasOwn(node, key) ? node[key] : undefined);
const put = (node, key, value) =>
  key === "__proto__"
    ? Object.defineProperty(node, key, { value, writable: true, enumerable: true, configurable: true })
    : (node[key] = value);
const EMPTY = Object.freeze({}), EMPTY_LIST = Object.freeze([]);

/** Returns what `next` says, made of the parts of `old` wherever those say the same. */
const share = (old, next) => {
  if (Object.is(old, next) || !isObject(next)) return next;
  const isList = Array.isArray(next);
  if (!isObject(old) || Array.isArray(old) != isList) old = isList ? EMPTY_LIST : EMPTY;
  return (isList ? shareItems : shareMembers)(old, next);
};

const shareMembers = (old, next) => {
  const keys = Object.keys(next), shared = {};
  let same = keys.length == Object.keys(old).length;
  for (const key of keys) {
    const was = own(old, key), is = share(was, next[key]);
    same &&= Object.is(is, was) && Object.hasOwn(old, key);
    put(shared, key, is);
  }
  return same ? old : Object.freeze(shared);
};

const shareItems = (old, next) => {
  const shared = [];
  const take = (from, to) => Object.is((shared[to] = share(old[from], next[to])), old[from]);
  let start = 0, end = next.length, oldEnd = old.length;
  while (start < end && start < oldEnd && take(start, start)) start++;
  if (start == end && start == oldEnd) return old;
  while (start < end && start < oldEnd && take(oldEnd - 1, end - 1)) end--, oldEnd--;
  // What has moved in between is found by what it says.
  const moved = new Map();
  if (start < end) for (const item of old.slice(start, oldEnd)) if (isObject(item)) moved.set(encode(item), item);
  for (let at = start; at < end; at++) {
    const found = moved.size && isObject(next[at]) && moved.get(encode(next[at]));
    shared[at] = found || share(at < oldEnd ? old[at] : undefined, next[at]);
  }
  return Object.freeze(shared);
};

/** Carries a patch out on a copy. Throws if it does not fit. */
const patch = (root, operations) => {
  const copies = new Set();
  const copy = (node) => {
    if (copies.has(node)) return node;
    node = Array.isArray(node) ? [...node] : { ...node };
    copies.add(node);
    return node;
  };
  const fits = (does) => {
    if (!does) throw TypeError();
  };
  /** Whether it is a list and an index, or an object and a key. */
  const isPlace = (node, key) => isObject(node) && typeof key == (Array.isArray(node) ? "number" : "string");
  const edit = (node, path, depth, change) => {
    if (depth >= path.length) return change(node);
    const key = path[depth];
    fits(isPlace(node, key) && Object.hasOwn(node, key));
    const next = edit(node[key], path, depth + 1, change);
    if (!Object.is(next, node[key])) put((node = copy(node)), key, next);
    return node;
  };
  for (const [path, ...parts] of operations) {
    fits(Array.isArray(path) && [0, 1, 3].includes(parts.length));
    const [value, gone, items] = parts, key = path.at(-1);
    const inParent = (change) => edit(root, path.slice(0, -1), 0, change);
    if (parts.length == 3)
      root = edit(root, path, 0, (list) => {
        fits(Array.isArray(list) && isCount(value) && isCount(gone) && value + gone <= list.length);
        list = copy(list);
        const rest = list.splice(value).slice(gone);
        for (const item of items) list.push(share(undefined, item));
        for (const item of rest) list.push(item);
        return list;
      });
    else if (!parts.length)
      root = inParent((node) => {
        fits(isPlace(node, key) && !Array.isArray(node) && Object.hasOwn(node, key));
        delete (node = copy(node))[key];
        return node;
      });
    else if (!path.length) root = share(root, value);
    else
      root = inParent((node) => {
        fits(isPlace(node, key) && (!Array.isArray(node) || Object.hasOwn(node, key)));
        const was = own(node, key), is = share(was, value);
        if (!Object.is(is, was)) put((node = copy(node)), key, is);
        return node;
      });
  }
  copies.forEach(Object.freeze);
  return root;
};

// JSON with whole numbers of any size.

/** Stands before the digits of one that is too large for JSON's own. It is never sent, so nobody can write it into a text. */
const MARK = `bigint:${Math.random()}${Math.random()}:`;
const MARKED = new RegExp(`"${MARK}(-?\\d+)"`, "g");
const TOKEN = /"[^"\\]*(?:\\.[^"\\]*)*"|-?\d[\d.eE+-]*/g;
const mark = (token) => (/^-?\d{16,}$/.test(token) && !Number.isSafeInteger(+token) ? `"${MARK}${token}"` : token);

const encode = (value) =>
  JSON.stringify(value, (_, part) => (typeof part == "bigint" ? MARK + part : part)).replace(MARKED, "$1");
const decode = (text, bigint) =>
  bigint && /\d{16}/.test(text)
    ? JSON.parse(text.replace(TOKEN, mark), (_, part) =>
        typeof part == "string" && part.startsWith(MARK) ? BigInt(part.slice(MARK.length)) : part)
    : JSON.parse(text);

/** What users hold: a handle on this, which has a `close` of its own. */
class Watch extends Observable {
  version = 0;
  _messages = new Audience();
  _missed = new Audience();
  ready = new Promise((resolve, reject) => Object.assign(this, { _resolve: resolve, _reject: reject }));
  messages = (listener, missed = () => {}) => {
    const leave = [this._messages.join(listener), this._missed.join(missed)];
    return () => leave.forEach((leave) => leave());
  };
}

// Of a subscription: not asked for on this connection, asked for, answered.
const IDLE = 0, ASKED = 1, LIVE = 2;
// Of an optimistic change: to be sent, sent, answered or lost.
const SENT = 1, OVER = 2;

/** What is known of one key. */
class Entry {
  state = IDLE;
  handles = 0;
  watch = new Watch();
  /** What the server has told last: version 0 if it is of no use any more. */
  now = { ver: 0 };
  /** What is shown: without what may hold a change that is still among the changes. */
  shown = this.now;
  /** Optimistic ones, oldest first. */
  changes = [];
  constructor(live, store, key) {
    Object.assign(this, { live, store, key });
    Object.assign(this.watch, {
      store,
      key,
      send: (command, options) => live.send(store, key, command, options),
      publish: (message, options) => live.publish(store, key, message, options),
    }).ready.catch(() => {});
  }
  open() {
    this.handles++;
    const { watch } = this;
    let seats = new Set();
    const close = () => {
      if (!seats) return;
      seats.forEach((leave) => leave());
      seats = undefined;
      this.handles--;
      this.live._soon();
    };
    const seated = (join) => (...listeners) => {
      const leave = join(...listeners), end = () => (seats?.delete(end), leave());
      // It may have been closed by who was told at once.
      seats ? seats.add(end) : leave();
      return end;
    };
    return Object.assign(Object.create(watch), { close, subscribe: seated(watch.subscribe), messages: seated(watch.messages) });
  }

  take(frame, epoch) {
    const { t, ver } = frame;
    if (t == "msg") this.watch._messages.tell((listener) => listener(frame.msg, ver));
    else if (t == "lag") this.watch._missed.tell((listener) => listener(frame.msgs));
    else if (t == "end") {
      // While a subscription is on its way, its answer decides.
      if (this.state == LIVE && frame.why != "closed") return this.end(frame);
      this.ending = frame;
      // The server is about to end, and nothing else is: it is asked for again on the next connection.
      if (frame.why == "closed") this.state = ASKED;
    }
    else if (t == "snap" ? ver >= this.now.ver : t == "upd" && ver > this.now.ver) this.change(frame, epoch);
  }
  change({ v, p, from, ver, r }, epoch) {
    let { base } = this.now;
    try {
      if (v !== undefined) base = share(base, v);
      else if (this.now.ver && from <= this.now.ver && r === this.now.r) base = patch(base, p);
      else return this.miss();
    } catch {
      this.now = { base, ver: 0 };
      return this.miss();
    }
    this.now = { base, ver, r, epoch };
    this.settle(0);
  }
  /** Something does not follow from what there is. */
  miss() {
    if (this.state != LIVE) return;
    this.state = IDLE;
    this.live._soon();
  }
  /** Takes the status of a subscription. Returns whether it is to be asked for again. */
  answer({ err, same, retry }) {
    if (err) {
      // The store has ended, and the server is about to.
      retry ||= err == "unavailable";
      if (!retry && this.ending?.why != "closed") this.end(this.ending ?? { why: err });
      return retry;
    }
    this.state = LIVE;
    this.ending = undefined;
    if (same) this.settle(Infinity);
  }
  /** A command was carried out, and all that was told up to this version has come. */
  reach(ver) {
    if (this.state == LIVE && this.now.ver) this.now = { ...this.now, ver: Math.max(ver, this.now.ver) };
    if (this.now.ver >= ver) this.settle(ver);
  }
  lose() {
    this.state = IDLE;
    if (this.ending?.why == "closed") this.ending = undefined;
    clearTimeout(this.held);
    this.held = 0;
  }
  end({ why, ver, msg }) {
    this.lose();
    this.live._drop(this);
    this.watch.end = { why, version: ver, message: msg };
    this.watch._reject(new LiveError(why));
    this.now = this.shown = { ver: 0 };
    // Who has not had a value yet is told as well.
    this.keep(() => false, true);
  }

  /** Shows what there is, unless replies up to `ver` leave open whether that holds a change which is shown on top of it. */
  settle(ver) {
    if (this.now.ver > ver && this.changes.some(({ state }) => state == SENT)) {
      this.held ||= setTimeout(() => this.settle(Infinity), HOLD);
      return;
    }
    clearTimeout(this.held);
    this.held = 0;
    this.shown = this.now;
    this.keep(({ state }) => state != OVER);
  }
  keep(which, always) {
    this.changes = this.changes.filter(which);
    let value = this.shown.base;
    for (const { apply } of this.changes) {
      try {
        const next = apply(value);
        if (next !== undefined) value = next;
      } catch {
        // It does not fit what there is now; its reply will say more.
      }
    }
    this.watch.version = this.shown.ver;
    if (value !== undefined) this.watch._resolve(value = share(this.watch.value, value));
    this.watch._set(value, always);
  }
  /** Shows a change until its reply comes. */
  expect(apply) {
    if (this.watch.value === undefined) return;
    // If it throws, nothing was done.
    if (share(this.watch.value, apply(this.watch.value)) === undefined) throw TypeError("no value");
    const change = { apply };
    this.changes.push(change);
    this.keep(() => true);
    return change;
  }
}

class Live {
  state = new Observable("connecting");
  #url;
  #options;
  #socket;
  /** Tells an attempt from those before it. */
  #attempt;
  /** How many have failed in a row. */
  #failed = 0;
  #timer;
  #looks;
  #hello;
  #epoch;
  /** When the hello came, when a frame came last, and when a sign of life was asked for. */
  #opened;
  #heard;
  #asked;
  /** In how many milliseconds the server wants to be asked again. */
  #after;
  #stores = new Map();
  /** What is to be asked again on this connection. */
  #later = new Set();
  #events = new Audience();
  #queue = [];
  #unanswered = new Map();
  #id = 0;

  constructor(url, options = {}) {
    const address = new URL(url, globalThis.location?.href);
    address.protocol = address.protocol.replace("http", "ws");
    this.#url = address.href;
    this.#options = options;
    if (!(options.WebSocket ?? globalThis.WebSocket)) throw new TypeError("options.WebSocket is missing");
    this.#wake("addEventListener");
    this.#dial();
  }

  watch(store, key) {
    key = String(key).toLowerCase();
    let entry = this.#find(store, key);
    if (!entry) {
      entry = new Entry(this, store, key);
      if (this.closed) entry.watch._reject(this.#over());
      // The server would refuse all that is asked with it.
      else if (!UUID.test(key)) entry.end({ why: "bad_request" });
      else this.#stores.set(store, (this.#stores.get(store) ?? new Map()).set(key, entry));
    }
    this._soon();
    return entry.open();
  }
  async send(store, key, command, { if: expected, optimistic } = {}) {
    key = String(key).toLowerCase();
    const entry = this.#find(store, key);
    const change = optimistic && !this.closed && entry?.expect(optimistic);
    const epoch = expected === undefined ? undefined : (entry?.shown.epoch ?? this.#epoch);
    const frame = { t: "cmd", s: store, k: key, c: command, if: expected, epoch };
    // Also a conflict comes with a version.
    const told = ({ ver }) => {
      if (change) change.state = OVER;
      if (ver) this.#find(store, key)?.reach(ver);
    };
    try {
      const { ver } = await this.#ask(frame, { change, told });
      // It may have been told together with a later change, for whose reply that is held back.
      if (entry?.held && entry.shown.ver < ver) await new Promise((done) => setTimeout(done, HOLD));
      return ver;
    } catch (error) {
      if (change && error.code != "unknown") entry.keep((other) => other != change);
      throw error;
    }
  }
  async get(store, key) {
    const { v, ver } = await this.#ask({ t: "get", s: store, k: String(key).toLowerCase() }, { again: true });
    return { value: share(undefined, v), version: ver };
  }
  async call(name, argument) {
    return share(undefined, (await this.#ask({ t: "call", f: name, c: argument })).v);
  }
  publish(store, key, message, { confirm } = {}) {
    const frame = { t: "pub", s: store, k: String(key).toLowerCase(), msg: message };
    if (confirm) return this.#ask(frame).then(() => {});
    this.#flush();
    return !this.#after && this.#put(encode(frame));
  }
  events = this.#events.join;
  retry = () => {
    if (globalThis.document?.visibilityState == "hidden") return;
    if (this.state.value == "waiting") this.#dial();
    else if (this.#hello) this.#look(true);
  };
  close() {
    const socket = this.#socket;
    this.#finish(1000, "closed");
    socket?.close();
  }

  #wake(change) {
    for (const event of ["online", "pageshow"]) globalThis[change]?.(event, this.retry);
    globalThis.document?.[change]("visibilitychange", this.retry);
  }
  async #dial() {
    clearTimeout(this.#timer);
    const attempt = (this.#attempt = {}), current = (then) => (event) => attempt == this.#attempt && then(event);
    this.#timer = setTimeout(() => this.#lose(), PATIENCE);
    this.state._set("connecting");
    let { token, WebSocket = globalThis.WebSocket } = this.#options;
    try {
      if (typeof token == "function") token = await token();
    } catch (error) {
      return current(() => this.#lose(0, error?.message ?? error?.toString()))();
    }
    if (attempt != this.#attempt) return;
    try {
      const socket = new WebSocket(this.#url, token == null ? [PROTOCOL] : [PROTOCOL, `livestore.token.${token}`]);
      socket.onmessage = current(({ data }) => this.#receive(data, attempt));
      socket.onclose = current(({ code, reason }) => this.#lose(code, reason));
      socket.onerror = () => {};
      this.#socket = socket;
    } catch ({ message }) {
      this.#finish(0, message);
    }
  }
  #receive(data, attempt) {
    this.#heard = Date.now();
    this.#asked = 0;
    for (const line of String(data).split("\n").filter(Boolean)) {
      // Whoever was told of one may have ended the connection.
      if (attempt != this.#attempt) return;
      let frame;
      try {
        frame = decode(line, this.#options.bigint) ?? {};
      } catch {
        return this.#lose();
      }
      this.#take(frame);
    }
  }
  #take(frame) {
    const { t, id, s, k } = frame;
    if (id !== undefined) this.#answer(id, frame);
    else if (t == "hello") this.#open(frame);
    else if (t == "ping") this.#put('{"t":"pong"}');
    else if (t == "bye") this.#after = frame.after;
    else if (t == "event") this.#events.tell((listener) => listener(frame.e));
    // Where one store is served, it is not named; who is there at it is.
    else
      for (const [store, entries] of this.#stores)
        if (s === store || (s === undefined && !store.endsWith("@here"))) entries.get(k)?.take(frame, this.#epoch);
  }
  #open(hello) {
    clearTimeout(this.#timer);
    if (hello.epoch !== this.#epoch) for (const entry of this.#entries()) entry.now = { ...entry.now, ver: 0 };
    this.#epoch = hello.epoch;
    this.#hello = hello;
    this.#opened = this.#heard;
    this.lost = undefined;
    this.#looks = setInterval(() => this.#look(), hello.pong / 2);
    this.state._set("open");
    this.#flush();
  }
  /** Drops a connection that gives no sign of life; asks for one first, if there is time. */
  #look(now) {
    const { ping, pong } = this.#hello, time = Date.now();
    // The clock may have been set back.
    this.#heard = Math.min(this.#heard, time);
    const silent = time - this.#heard;
    if (silent > ping + pong || (this.#asked && time >= this.#asked + pong / 2)) return this.#lose();
    if (this.#asked || !(now || silent >= ping + pong / 2)) return;
    this.#asked = time;
    // Whatever the answer, it is one.
    this.#put('{"t":"unsub","id":0,"keys":[]}');
  }
  #lose(code = 0, reason = "no answer") {
    const socket = this.#socket;
    this.#disconnect();
    if (code >= 4400 && code < 4500) return this.#finish(code, reason);
    this.lost = { code, reason };
    socket?.close();
    if (Date.now() > this.#opened + STEADY) this.#failed = 0;
    const pause = this.#after ?? Math.random() * Math.min(LONGEST, FIRST * 2 ** this.#failed++);
    this.#after = this.#opened = undefined;
    this.#timer = setTimeout(() => this.#dial(), pause);
    this.state._set("waiting");
    this.#forget();
  }
  #disconnect() {
    this.#socket = this.#attempt = this.#hello = undefined;
    clearTimeout(this.#timer);
    clearInterval(this.#looks);
    this.#later.forEach(clearTimeout);
    this.#later.clear();
    for (const entry of this.#entries()) entry.lose();
  }
  /** No reply will come. What only reads is asked again, of the rest nobody knows what came of it. */
  #forget() {
    const requests = [...this.#unanswered.values()];
    this.#unanswered.clear();
    this.#queue.unshift(...requests.filter(({ again }) => again));
    for (const { again, change, reject } of requests) {
      // It is shown until the next connection says what there is.
      if (change) change.state = OVER;
      if (!again) reject?.(new LiveError("unknown"));
    }
  }
  #finish(code, reason) {
    if (this.closed) return;
    this.#disconnect();
    this.lost = this.closed = { code, reason };
    this.#wake("removeEventListener");
    this.state._set("closed");
    this.#forget();
    for (const { reject } of this.#queue.splice(0)) reject(this.#over());
    for (const entry of this.#entries()) {
      // Nobody will say any more what came of a change.
      entry.settle(Infinity);
      entry.watch._reject(this.#over());
    }
  }
  #over = () => new LiveError("closed", { err: this.closed.reason });

  #find = (store, key) => this.#stores.get(store)?.get(key);
  #entries = () => [...this.#stores.values()].flatMap((entries) => [...entries.values()]);
  _drop(entry) {
    const { store, key } = entry;
    if (this.#find(store, key) == entry) this.#stores.get(store).delete(key);
  }
  /** Subscribes to what is watched and is not yet, after what is being done now. */
  _soon() {
    queueMicrotask(() => this.#flush());
  }
  #flush(left = []) {
    for (const entry of this.#entries()) {
      if (entry.handles) continue;
      this._drop(entry);
      entry.watch._reject(new LiveError("closed"));
      if (entry.state) left.push(entry);
    }
    // What the server would not begin any more waits for the next.
    if (!this.#hello || this.#after) return;
    // Who leaves makes room for who comes, if nobody has come back for the same.
    this.#tell("unsub", left.filter(({ store, key }) => !this.#find(store, key)));
    this.#tell("sub", this.#entries().filter(({ state }) => state == IDLE));
    while (this.#queue.length && this.#unanswered.size < WINDOW) this.#send(this.#queue.shift());
  }
  #tell(t, all) {
    for (const s of this.#stores.keys()) {
      const rest = all.filter(({ store }) => store == s);
      while (rest.length) {
        // A key takes less than 128 bytes.
        const entries = rest.splice(0, Math.max(1, this.#hello.max.bytes >> 7));
        const keys = entries.map(({ key, now: { ver, r } }) => (t == "sub" && ver ? { k: key, ver, r } : { k: key }));
        const told = ({ subs, code, retry, after = 1000 }) => {
          const again = entries.filter((entry, at) => (t == "sub" ? entry.answer(subs?.[at] ?? { err: code, retry }) : retry));
          if (!again.length) return;
          const timer = setTimeout(() => {
            this.#later.delete(timer);
            for (const entry of again) entry.state = IDLE;
            this.#flush(again);
          }, after);
          this.#later.add(timer);
        };
        for (const entry of entries) entry.state = ASKED;
        this.#send(this.#request({ t, s, epoch: t == "sub" ? this.#epoch : undefined, keys }, { told }));
      }
    }
  }

  #request(frame, more) {
    const id = ++this.#id;
    return { id, text: encode({ ...frame, id }), ...more };
  }
  #ask(frame, more) {
    return new Promise((resolve, reject) => {
      if (this.closed) throw this.#over();
      this.#queue.push(this.#request(frame, { resolve, reject, ...more }));
      this.#flush();
    });
  }
  #send(request) {
    this.#unanswered.set(request.id, request);
    if (!this.#put(request.text)) this.#answer(request.id, { t: "err", code: "too_large" });
    else if (request.change) request.change.state = SENT;
  }
  #answer(id, frame) {
    const request = this.#unanswered.get(id);
    if (!this.#unanswered.delete(id)) return;
    request.told?.(frame);
    if (frame.t == "err") request.reject?.(new LiveError(frame.code, frame));
    else request.resolve?.(frame);
    this.#flush();
  }
  /** Returns whether it was sent, as far as is known. */
  #put(text) {
    if (!this.#hello || new TextEncoder().encode(text).length > this.#hello.max.bytes) return false;
    this.#socket.send(text);
    return true;
  }
}

export const connect = (url, options) => new Live(url, options);
// For tests.
export { decode as _decode, patch as _patch, share as _share };
