// The connection: how it begins, how it is kept, how it comes back, and when it does not.

import assert from "node:assert/strict";
import { test } from "node:test";
import { connect } from "../../livestore/client/livestore.js";
import { KEY, OTHER, World, settle, told } from "./world.js";

test("it says what it speaks and hands the token over", async (t) => {
  const world = new World(t);
  world.connect();
  assert.equal(world.socket.url, "ws://server/live");
  assert.deepEqual(world.socket.protocols, ["livestore.v1.json"]);
  // Some implementations throw where nobody listens.
  world.socket.onerror(new Error("no network"));
  world.connect({ token: "abc-_." });
  assert.deepEqual(world.socket.protocols, ["livestore.v1.json", "livestore.token.abc-_."]);
  let asked = 0;
  world.connect({ token: async () => `n${++asked}` });
  await settle();
  assert.equal(world.socket.protocols[1], "livestore.token.n1");
  world.socket.hello().drop();
  await world.untilNextSocket();
  assert.equal(world.socket.protocols[1], "livestore.token.n2");
});

test("an address is taken from the page's", (t) => {
  const world = new World(t);
  globalThis.location = { href: "https://example.com/app/page?x" };
  t.after(() => delete globalThis.location);
  connect("/live");
  assert.equal(world.socket.url, "wss://example.com/live");
  connect("http://other/live");
  assert.equal(world.socket.url, "ws://other/live");
  assert.throws(() => connect("http://"), TypeError);
});

test("a token that cannot be had is asked for again", async (t) => {
  const world = new World(t);
  let fails = 2;
  world.connect({ token: async () => { if (fails-- > 0) throw new Error("no network"); return "t"; } });
  await settle();
  assert.equal(world.live.state.value, "waiting");
  await world.untilNextSocket();
  assert.equal(world.socket.protocols[1], "livestore.token.t");
  // One that comes too late is of no use.
  let come;
  world.connect({ token: () => new Promise((resolve) => (come = resolve)) });
  const before = world.sockets.length;
  world.live.close();
  come("late");
  await settle();
  assert.equal(world.sockets.length, before);
});

test("a socket that cannot be made is none for good", async (t) => {
  const world = new World(t);
  class Refused { constructor() { throw new SyntaxError("no such protocol"); } }
  world.connect({ WebSocket: Refused });
  assert.equal(world.live.state.value, "closed");
  assert.deepEqual(world.live.closed, { code: 0, reason: "no such protocol" });
  await assert.rejects(world.live.call("f"), { code: "closed", reason: "no such protocol" });
});

test("what state it is in can be watched", async (t) => {
  const world = new World(t);
  const live = world.connect(), states = told(live.state);
  world.socket.hello().drop();
  await world.untilNextSocket();
  world.socket.hello();
  live.close();
  assert.deepEqual(states, ["connecting", "open", "waiting", "connecting", "open", "closed"]);
  assert.equal(live.state.getSnapshot(), "closed");
  assert.deepEqual(live.closed, { code: 1000, reason: "closed" });
});

test("pauses double from a quarter of a second to sixteen, less what chance takes off", async (t) => {
  const world = new World(t);
  world.connect();
  const pauses = [];
  for (let at = 0; at < 9; at++) {
    world.socket.drop();
    pauses.push(await world.untilNextSocket());
  }
  assert.deepEqual(pauses, [250, 500, 1000, 2000, 4000, 8000, 16_000, 16_000, 16_000]);
  world.chance = 0.25;
  world.socket.drop();
  assert.equal(await world.untilNextSocket(), 4000);
  world.chance = 0;
  world.socket.drop();
  assert(await world.untilNextSocket() <= 1);
});

test("one that has lasted starts the pauses anew, one that has not does not", async (t) => {
  const world = new World(t);
  world.connect();
  for (const pause of [250, 500, 1000]) {
    // As a server does that lets in and sends away at once: it is full.
    world.socket.hello().drop(4530);
    assert.equal(await world.untilNextSocket(), pause);
  }
  world.socket.hello();
  await world.pass(6000);
  world.socket.drop();
  assert.equal(await world.untilNextSocket(), 250);
});

test("some close codes are for good", async (t) => {
  for (const code of [4400, 4401, 4403, 4429, 4499]) {
    const world = new World(t);
    const live = world.open(), watch = await world.watched();
    const sent = live.send("room", KEY, {});
    world.socket.drop(code, "why");
    await assert.rejects(sent, { code: "unknown" });
    assert.deepEqual(live.closed, { code, reason: "why" });
    assert.equal(live.state.value, "closed");
    assert.deepEqual(watch.value, { n: 1 });
    await world.pass(100_000);
    assert.equal(world.sockets.length, 1, `${code}`);
    assert.equal(world.timers.size, 0);
    world.happen("online");
    assert.equal(world.sockets.length, 1);
    await assert.rejects(live.send("room", KEY, {}), { code: "closed" });
    await assert.rejects(live.get("room", KEY), { code: "closed" });
    await assert.rejects(live.watch("room", OTHER).ready, { code: "closed" });
    assert.equal(live.publish("room", KEY, 1), false);
    live.close();
    assert.equal(live.closed.code, code);
  }
});

test("others are not", async (t) => {
  for (const code of [1000, 1001, 1005, 1006, 1009, 1011, 1012, 4399, 4500, 4503, 4508, 4530]) {
    const world = new World(t);
    world.open();
    world.socket.drop(code);
    assert.equal(world.live.state.value, "waiting");
    assert.equal(await world.untilNextSocket(), 250, `${code}`);
  }
});

test("a server that restarts says when to come back", async (t) => {
  const world = new World(t);
  world.open();
  world.socket.tell({ t: "bye", why: "restart", after: 1500 });
  world.socket.drop(1012);
  assert.equal(await world.untilNextSocket(), 1500);
  // That goes for one time.
  world.socket.drop();
  assert.equal(await world.untilNextSocket(), 250);
});

test("a hello that does not come is not waited for", async (t) => {
  const world = new World(t);
  world.connect();
  await world.pass(9_999);
  assert.equal(world.live.state.value, "connecting");
  await world.pass(1);
  assert.equal(world.live.state.value, "waiting");
  assert.notEqual(world.socket.closed, undefined);
  // What that socket says later is nothing any more.
  const [old] = world.sockets;
  await world.untilNextSocket();
  old.onmessage({ data: '{"t":"hello","epoch":"x","ping":1,"pong":1,"max":{}}' });
  old.onclose({ code: 4403, reason: "" });
  assert.equal(world.live.state.value, "connecting");
  world.socket.hello();
  assert.equal(world.live.state.value, "open");
});

test("a ping is answered", (t) => {
  const world = new World(t);
  world.open();
  world.socket.tell({ t: "ping" });
  assert.deepEqual(world.socket.one(), { t: "pong" });
});

test("a server that is silent is asked, then left", async (t) => {
  const world = new World(t);
  world.open();
  await world.pass(29_000);
  world.socket.tell({ t: "ping" });
  world.socket.take();
  await world.pass(25_000);
  assert.deepEqual(world.socket.take(), []);
  await world.pass(6_000);
  // It has a server answer that has nothing to say, whatever the answer is.
  assert.deepEqual(world.socket.one(), { t: "unsub", id: 0, keys: [] });
  world.socket.tell({ t: "err", id: 0, code: "bad_request" });
  await world.pass(29_000);
  assert.equal(world.live.state.value, "open");
  await world.pass(8_000);
  assert.equal(world.sockets[0].closed, 1000);
  assert.notEqual(world.live.state.value, "open");
});

test("a machine that wakes drops the socket that has slept with it", async (t) => {
  const world = new World(t);
  world.open();
  await world.pass(1000);
  world.sleep(3_600_000);
  await world.pass(0);
  assert.equal(world.sockets[0].closed, 1000);
  assert.equal(await world.untilNextSocket(), 250);
  // A shorter sleep is none.
  world.socket.hello();
  world.sleep(20_000);
  await world.pass(0);
  assert.equal(world.live.state.value, "open");
});

test("a clock that is set back keeps nothing alive", async (t) => {
  const world = new World(t);
  world.open();
  await world.pass(1000);
  for (const timer of world.timers.values()) timer.at -= 86_400_000;
  world.time -= 86_400_000;
  await world.pass(60_000);
  assert.equal(world.sockets[0].closed, 1000);
});

test("a phone in another network tries at once", async (t) => {
  for (const event of ["online", "pageshow", "visibilitychange"]) {
    const world = new World(t);
    world.connect();
    for (let at = 0; at < 7; at++) {
      world.socket.drop();
      await world.untilNextSocket();
    }
    world.socket.drop();
    world.happen(event);
    assert.equal(world.sockets.length, 9, event);
    assert.equal(world.live.state.value, "connecting");
    // And only once.
    world.happen(event);
    world.socket.hello();
    await world.pass(20_000);
    assert.equal(world.sockets.length, 9);
  }
});

test("a socket from the former network is found out soon", async (t) => {
  const world = new World(t);
  world.open();
  await world.pass(2000);
  world.happen("online");
  assert.deepEqual(world.socket.one(), { t: "unsub", id: 0, keys: [] });
  await world.pass(10_000);
  assert.equal(world.sockets[0].closed, 1000);
  await world.pass(1000);
  // One that lives stays.
  world.socket.hello();
  world.happen("online");
  await world.pass(1000);
  world.happen("online");
  world.socket.tell({ t: "ok", id: 0 });
  await world.pass(20_000);
  assert.equal(world.live.state.value, "open");
});

test("a tab that is hidden again tries nothing", async (t) => {
  const world = new World(t);
  world.open();
  world.hidden = true;
  world.happen("visibilitychange");
  assert.deepEqual(world.socket.take(), []);
  world.socket.drop();
  world.happen("visibilitychange");
  assert.equal(world.sockets.length, 1);
});

test("one that is closed leaves nothing behind", async (t) => {
  const world = new World(t);
  const live = world.open();
  live.close();
  assert.equal(world.socket.closed, 1000);
  assert.equal(world.timers.size, 0);
  assert.deepEqual([...world.listeners.values()].flat(), []);
  world.socket.onclose?.({ code: 1000, reason: "" });
  await world.pass(100_000);
  assert.equal(world.sockets.length, 1);
  live.close();
  // Before it was open, too.
  const other = world.connect();
  other.close();
  assert.equal(world.timers.size, 0);
  assert.equal(world.socket.closed, 1000);
});

test("frames may come joined by newlines", (t) => {
  const world = new World(t);
  const live = world.open(), events = [];
  live.events((event) => events.push(event));
  world.socket.raw('{"t":"event","e":1}\n{"t":"event","e":"a\\nb"}\n\n{"t":"event","e":{"x":3}}\n');
  assert.deepEqual(events, [1, "a\nb", { x: 3 }]);
});

test("whoever was told and has closed is told nothing more", (t) => {
  const world = new World(t);
  const live = world.open(), events = [];
  live.events((event) => (events.push(event), live.close()));
  world.socket.raw('{"t":"event","e":1}\n{"t":"event","e":2}');
  assert.deepEqual(events, [1]);
});

test("kinds and fields that are not known are ignored", async (t) => {
  const world = new World(t);
  world.open();
  const watch = await world.watched();
  world.socket.tell({ t: "new", k: KEY, s: "room", ver: 99, v: 1 }, { t: "new" }, { t: "upd", s: "room", k: "nobody's", ver: 1 }, { t: "ok", id: 777 });
  world.socket.tell({ t: "upd", s: "room", k: KEY, r: "a", from: 5, ver: 6, p: [[["n"], 2]], new: 1 });
  assert.deepEqual(watch.value, { n: 2 });
});

test("what is no frame ends the connection, which comes back", async (t) => {
  for (const data of ["{", "", "\n", new ArrayBuffer(3)]) {
    const world = new World(t);
    world.open();
    world.socket.raw(data);
    const is = typeof data == "string" && !data.trim() ? "open" : "waiting";
    assert.equal(world.live.state.value, is);
    if (is == "waiting") assert.equal(await world.untilNextSocket(), 250);
  }
});

test("events come until one has left", (t) => {
  const world = new World(t);
  const live = world.open(), events = [];
  const leave = live.events((event) => events.push(event));
  world.socket.tell({ t: "event", e: 1 });
  leave();
  world.socket.tell({ t: "event", e: 2 });
  assert.deepEqual(events, [1]);
});

test("one who throws takes nothing from the others", async (t) => {
  const world = new World(t);
  const live = world.open(), events = [], thrown = [];
  const { queueMicrotask } = globalThis;
  t.after(() => Object.assign(globalThis, { queueMicrotask }));
  // Where a browser reports it.
  globalThis.queueMicrotask = (run) => {
    try {
      run();
    } catch (error) {
      thrown.push(error.message);
    }
  };
  live.events(() => { throw new Error("mine"); });
  live.events((event) => events.push(event));
  world.socket.tell({ t: "event", e: 1 });
  await settle();
  assert.deepEqual([events, thrown], [[1], ["mine"]]);
});

test("what is asked for while the server ends waits for the next", async (t) => {
  const world = new World(t), live = world.open();
  const begun = live.call("pay");
  const [{ id }] = world.socket.take();
  world.socket.tell({ t: "bye", why: "restart", after: 700 });
  const late = live.call("pay", 2);
  live.watch("room", KEY);
  await settle();
  assert.deepEqual([world.socket.take(), live.publish("room", KEY, "hi")], [[], false]);
  // What was under way comes to its end.
  world.socket.tell({ t: "ok", id, v: "paid" });
  assert.equal(await begun, "paid");
  world.socket.drop(1012, "the server restarts");
  await world.pass(700);
  world.socket.hello("e2");
  const [sub, call] = world.socket.take();
  assert.deepEqual([sub.t, call.t, call.c], ["sub", "call", 2]);
  world.socket.tell({ t: "ok", id: call.id, v: "paid, too" });
  assert.equal(await late, "paid, too");
});

test("it says why there is no connection", async (t) => {
  const world = new World(t), live = world.connect({ token: () => (world.fails ? Promise.reject(world.fails) : "t") });
  const seen = [];
  live.state.subscribe((state) => seen.push([state, live.lost]));
  await settle();
  world.socket.hello();
  world.socket.drop(4530, "too many connections");
  assert.deepEqual(seen.at(-1), ["waiting", { code: 4530, reason: "too many connections" }]);
  world.fails = new Error("no session");
  await world.pass(250);
  assert.deepEqual(seen.at(-1), ["waiting", { code: 0, reason: "no session" }]);
  // Whatever it was rejected with.
  world.fails = "signed out";
  await world.pass(500);
  assert.deepEqual(seen.at(-1), ["waiting", { code: 0, reason: "signed out" }]);
  world.fails = false;
  await world.untilNextSocket();
  await world.pass(10_000);
  assert.deepEqual(seen.at(-1), ["waiting", { code: 0, reason: "no answer" }]);
  await world.untilNextSocket();
  world.socket.hello();
  assert.deepEqual(seen.at(-1), ["open", undefined]);
  world.socket.drop(4401, "not authenticated");
  assert.deepEqual([live.lost, live.closed], [live.closed, { code: 4401, reason: "not authenticated" }]);
});
