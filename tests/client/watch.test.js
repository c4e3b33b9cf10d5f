// What is watched: it has no gaps, it comes back with what it knows, and its end has a cause.

import assert from "node:assert/strict";
import { test } from "node:test";
import { KEY, OTHER, World, key, settle, told } from "./world.js";

const upd = (from, ver, p, more = {}) => ({ t: "upd", s: "room", k: KEY, r: "a", from, ver, p, ...more });
const snap = (ver, v, more = {}) => ({ t: "snap", s: "room", k: KEY, r: "a", ver, v, ...more });
const set = (n) => [[["n"], n]];

test("what is watched is subscribed to together, when there is a connection", async (t) => {
  const world = new World(t);
  const live = world.connect();
  live.watch("room", KEY);
  live.watch("room", OTHER.toUpperCase());
  live.watch("room@here", KEY);
  await settle();
  assert.deepEqual(world.socket.take(), []);
  world.socket.hello("e1");
  assert.deepEqual(world.socket.take(), [
    { t: "sub", id: 1, s: "room", epoch: "e1", keys: [{ k: KEY }, { k: OTHER }] },
    { t: "sub", id: 2, s: "room@here", epoch: "e1", keys: [{ k: KEY }] },
  ]);
  live.watch("room", key(3));
  live.watch("room", key(4));
  await settle();
  assert.deepEqual(world.socket.one().keys, [{ k: key(3) }, { k: key(4) }]);
});

test("many keys are asked for in frames that the server takes", async (t) => {
  const world = new World(t);
  const live = world.connect();
  for (let at = 0; at < 100; at++) live.watch("room", key(at));
  world.socket.hello("e", { max: { bytes: 4096, subs: 128, rate: 50 } });
  const sent = world.socket.take();
  assert.deepEqual(sent.map(({ keys }) => keys.length), [32, 32, 32, 4]);
  assert(sent.every((frame) => JSON.stringify(frame).length <= 4096));
});

test("it is a store as Svelte has it", async (t) => {
  const world = new World(t);
  world.open();
  const watch = world.live.watch("room", KEY), values = [];
  const leave = watch.subscribe((value) => values.push(value));
  assert.deepEqual(values, [undefined]);
  await settle();
  world.socket.tell({ t: "ok", id: 1, subs: [{ k: KEY }] });
  assert.deepEqual(values, [undefined]);
  world.socket.tell(snap(5, { n: 1 }), upd(5, 6, set(2)));
  leave();
  leave();
  world.socket.tell(upd(6, 7, set(3)));
  assert.deepEqual(values, [undefined, { n: 1 }, { n: 2 }]);
  assert.deepEqual([watch.value, watch.version, watch.getSnapshot()], [{ n: 3 }, 7, { n: 3 }]);
  // The same listener twice is two.
  const count = [];
  const listener = () => count.push(1);
  watch.subscribe(listener)();
  watch.subscribe(listener);
  world.socket.tell(upd(7, 8, set(4)));
  assert.equal(count.length, 3);
});

test("it is what React asks for", async (t) => {
  const world = new World(t);
  world.open();
  const { subscribe, getSnapshot } = await world.watched();
  let changes = 0;
  const leave = subscribe(() => changes++);
  const before = getSnapshot();
  assert.equal(getSnapshot(), before);
  changes = 0;
  // A version in which nothing is different to see.
  world.socket.tell(upd(5, 6, []), snap(7, { n: 1 }));
  assert.deepEqual([changes, getSnapshot()], [0, before]);
  world.socket.tell(upd(7, 8, set(2)));
  assert.equal(changes, 1);
  assert.notEqual(getSnapshot(), before);
  leave();
  assert(Object.isFrozen(getSnapshot()));
});

test("the first value can be awaited", async (t) => {
  const world = new World(t);
  world.open();
  const watch = await world.watched(null);
  assert.equal(await watch.ready, null);
  const missing = world.live.watch("room", OTHER);
  await settle();
  world.socket.tell({ t: "ok", id: 2, subs: [{ k: OTHER, err: "not_found" }] });
  await assert.rejects(missing.ready, { code: "not_found" });
  assert.deepEqual(missing.end, { why: "not_found", version: undefined, message: undefined });
  const left = world.live.watch("room", key(3));
  left.close();
  await assert.rejects(left.ready, { code: "closed" });
});

test("frames that come twice, or late, change nothing", async (t) => {
  const world = new World(t);
  world.open();
  const watch = await world.watched([]), values = told(watch);
  const frame = upd(5, 7, [[[], 0, 0, ["x"]]]);
  world.socket.tell(frame, frame, upd(5, 6, [[[], 0, 0, ["y"]]]), snap(4, ["z"]), snap(6, ["z"]), frame);
  assert.deepEqual(values, [[], ["x"]]);
  assert.equal(watch.version, 7);
  assert.deepEqual(world.socket.take(), []);
});

test("a patch may begin earlier than what one has", async (t) => {
  const world = new World(t);
  world.open();
  const watch = await world.watched();
  world.socket.tell(upd(3, 9, set(2)), upd(9, 10, undefined, { from: 0, v: { n: 3 } }));
  assert.deepEqual([watch.value, watch.version], [{ n: 3 }, 10]);
});

test("a gap has it subscribe again, once, with what it has", async (t) => {
  const world = new World(t);
  world.open();
  const watch = await world.watched(), values = told(watch);
  world.socket.tell(upd(6, 7, set(9)), upd(7, 8, set(10)));
  await settle();
  assert.deepEqual(world.socket.one(), { t: "sub", id: 2, s: "room", epoch: "e1", keys: [{ k: KEY, ver: 5, r: "a" }] });
  world.socket.tell(upd(8, 9, set(11)));
  await settle();
  assert.deepEqual(world.socket.take(), []);
  world.socket.tell({ t: "ok", id: 2, subs: [{ k: KEY }] }, upd(5, 9, set(11)), upd(9, 10, set(12)));
  assert.deepEqual(values, [{ n: 1 }, { n: 11 }, { n: 12 }]);
  // The next one is asked about, too.
  world.socket.tell(upd(11, 12, set(9)));
  await settle();
  assert.deepEqual(world.socket.one().keys, [{ k: KEY, ver: 10, r: "a" }]);
});

test("what came while it was asked is of use where it follows", async (t) => {
  const world = new World(t);
  world.open();
  const watch = await world.watched();
  world.socket.tell(upd(6, 7, set(9)));
  await settle();
  world.socket.tell(snap(8, { n: 8 }), upd(8, 9, set(9)));
  assert.deepEqual([watch.value, watch.version], [{ n: 9 }, 9]);
});

test("a patch of another role, or of something else, is a gap", async (t) => {
  for (const [frame, keys] of [
    [upd(5, 6, set(2), { r: "b" }), [{ k: KEY, ver: 5, r: "a" }]],
    // Whoever has something else has nothing.
    [upd(5, 6, [[["x", "y"], 2]]), [{ k: KEY }]],
    [upd(5, 6, undefined), [{ k: KEY }]],
  ]) {
    const world = new World(t);
    world.open();
    const watch = await world.watched();
    world.socket.tell(frame);
    await settle();
    const sub = world.socket.one();
    assert.deepEqual(sub.keys, keys);
    assert.deepEqual(watch.value, { n: 1 });
    world.socket.tell({ t: "ok", id: sub.id, subs: [{ k: KEY }] }, snap(6, { n: 7 }, { r: "b" }), upd(6, 7, set(8), { r: "b" }));
    assert.deepEqual(watch.value, { n: 8 });
  }
});

test("another role is a snapshot, maybe of the same version", async (t) => {
  const world = new World(t);
  world.open();
  const watch = await world.watched();
  world.socket.tell(snap(5, { n: 1, secret: "s" }, { r: "b" }));
  assert.deepEqual(watch.value, { n: 1, secret: "s" });
  world.socket.drop();
  await world.untilNextSocket();
  world.socket.hello();
  assert.deepEqual(world.socket.one().keys, [{ k: KEY, ver: 5, r: "b" }]);
});

test("whoever comes back says what he has, of everything at once", async (t) => {
  const world = new World(t);
  world.open();
  const one = await world.watched(), two = await world.watched({ m: 1 }, { key: OTHER, ver: 9, r: "z" });
  const values = [told(one), told(two)];
  const third = world.live.watch("room", key(3));
  await settle();
  world.socket.take();
  world.socket.drop();
  await world.untilNextSocket();
  world.socket.hello("e1");
  const sub = world.socket.one();
  assert.deepEqual(sub, { t: "sub", id: 4, s: "room", epoch: "e1", keys: [{ k: KEY, ver: 5, r: "a" }, { k: OTHER, ver: 9, r: "z" }, { k: key(3) }] });
  world.socket.tell(
    { t: "ok", id: 4, subs: [{ k: KEY, same: true }, { k: OTHER }, { k: key(3) }] },
    { t: "upd", s: "room", k: OTHER, r: "z", from: 9, ver: 12, p: [[["m"], 2]] },
    { t: "snap", s: "room", k: key(3), r: "q", ver: 1, v: [] },
  );
  world.socket.tell(upd(5, 6, set(2)));
  assert.deepEqual(values, [[{ n: 1 }, { n: 2 }], [{ m: 1 }, { m: 2 }]]);
  assert.deepEqual(third.value, []);
});

test("in another epoch versions are worth nothing, and values are shown until there are others", async (t) => {
  const world = new World(t);
  world.open();
  const watch = await world.watched({ n: 1, same: { x: 1 } }, { ver: 50 }), values = told(watch);
  const { same } = watch.value;
  world.socket.drop(1012);
  await world.untilNextSocket();
  world.socket.hello("e2");
  const sub = world.socket.one();
  assert.deepEqual([sub.epoch, sub.keys], ["e2", [{ k: KEY }]]);
  assert.deepEqual([watch.value.n, watch.version], [1, 50]);
  world.socket.tell({ t: "ok", id: sub.id, subs: [{ k: KEY }] }, upd(49, 51, set(9)));
  await settle();
  assert.equal(values.length, 1);
  world.socket.take();
  world.socket.tell(snap(3, { n: 2, same: { x: 1 } }));
  assert.deepEqual([watch.value.n, watch.version], [2, 3]);
  assert.equal(watch.value.same, same);
});

test("an epoch that comes between two connections is noticed", async (t) => {
  const world = new World(t);
  world.open();
  await world.watched();
  world.socket.drop();
  await world.untilNextSocket();
  world.socket.hello("e2").drop();
  await world.untilNextSocket();
  world.socket.take();
  // The versions were of the first, so they are of no use in the second, whoever asks for them.
  world.socket.hello("e2");
  assert.deepEqual(world.socket.one().keys, [{ k: KEY }]);
});

test("an end has a cause, and is the end", async (t) => {
  for (const why of ["removed", "expired", "revoked", "internal"]) {
    const world = new World(t);
    world.open();
    const watch = await world.watched(), values = told(watch);
    world.socket.tell({ t: "end", s: "room", k: KEY, ver: 6, why, msg: "bye" });
    assert.deepEqual(watch.end, { why, version: 6, message: "bye" });
    assert.deepEqual(values, [{ n: 1 }, undefined]);
    world.socket.tell(snap(7, { n: 9 }));
    assert.equal(watch.value, undefined);
    world.socket.drop();
    await world.untilNextSocket();
    world.socket.hello();
    assert.deepEqual(world.socket.take(), []);
    watch.close();
    // Whoever wants it again watches it again.
    const again = world.live.watch("room", KEY);
    await settle();
    assert.equal(again.end, undefined);
    assert.deepEqual(world.socket.one().keys, [{ k: KEY }]);
  }
});

test("whoever is subscribed is told of an end that comes before a first value, once", async (t) => {
  const world = new World(t);
  world.open();
  const watch = world.live.watch("room", KEY), ends = [];
  watch.subscribe((value) => ends.push([value, watch.end?.why]));
  await settle();
  world.socket.tell({ t: "ok", id: 1, subs: [{ k: KEY, err: "not_found" }] });
  assert.deepEqual(ends, [[undefined, undefined], [undefined, "not_found"]]);
  // What is refused later is no other end.
  watch.send(1, { optimistic: (value) => value }).catch(() => {});
  world.socket.tell({ t: "err", id: world.socket.take().at(-1).id, code: "not_found" });
  await settle();
  assert.equal(ends.length, 2);
});

test("what is no key ends at once, and costs the others nothing", async (t) => {
  const world = new World(t);
  world.open();
  const wrong = ["x".repeat(70_000), "", "lobby", `${KEY}0`, `{${KEY}}`, KEY.replaceAll("-", "")].map((key) => world.live.watch("room", key));
  const watch = world.live.watch("room", KEY), ends = [];
  wrong[0].subscribe((value) => ends.push([value, wrong[0].end.why]));
  await settle();
  assert.deepEqual(ends, [[undefined, "bad_request"]]);
  for (const { end, ready } of wrong) {
    assert.equal(end.why, "bad_request");
    await assert.rejects(ready, { code: "bad_request" });
  }
  assert.deepEqual(world.socket.one().keys, [{ k: KEY }]);
  assert.equal(watch.end, undefined);
});

test("what is not there when one comes back has ended", async (t) => {
  const world = new World(t);
  world.open();
  const watch = await world.watched(), values = told(watch);
  world.socket.drop();
  await world.untilNextSocket();
  world.socket.hello();
  world.socket.tell({ t: "ok", id: 2, subs: [{ k: KEY, err: "not_found" }] });
  assert.equal(watch.end.why, "not_found");
  assert.deepEqual(values, [{ n: 1 }, undefined]);
});

test("an end on the way of a subscription says why that is refused, and is nothing if it is not", async (t) => {
  for (const refused of [true, false]) {
    const world = new World(t);
    world.open();
    const watch = await world.watched();
    world.socket.tell(upd(6, 7, set(9)));
    await settle();
    world.socket.tell({ t: "end", s: "room", k: KEY, ver: 8, why: "removed" });
    assert.equal(watch.end, undefined);
    world.socket.tell({ t: "ok", id: 2, subs: [refused ? { k: KEY, err: "not_found" } : { k: KEY }] });
    if (refused) {
      assert.deepEqual([watch.end.why, watch.end.version], ["removed", 8]);
    } else {
      world.socket.tell(snap(9, { n: 3 }));
      assert.deepEqual([watch.end, watch.value], [undefined, { n: 3 }]);
      // It was an earlier life's.
      world.socket.drop();
      await world.untilNextSocket();
      world.socket.hello();
      world.socket.tell({ t: "ok", id: 3, subs: [{ k: KEY, err: "not_found" }] });
      assert.equal(watch.end.why, "not_found");
    }
  }
});

test("what ends with the server is kept, and asked for again when that comes back", async (t) => {
  for (const when of ["watched", "asked for", "about to be asked for"]) {
    const world = new World(t);
    world.open();
    const watch = await world.watched(), values = told(watch);
    if (when != "watched") world.socket.tell(upd(6, 7, set(9)));
    if (when == "asked for") await settle();
    world.socket.tell({ t: "end", s: "room", k: KEY, ver: 5, why: "closed" });
    await settle();
    const sent = world.socket.take();
    assert.equal(sent.length, when == "asked for" ? 1 : 0);
    for (const { id } of sent) world.socket.tell({ t: "ok", id, subs: [{ k: KEY, err: "not_found" }] });
    assert.deepEqual([watch.value, watch.end], [{ n: 1 }, undefined]);
    world.socket.tell({ t: "bye", why: "restart", after: 500 });
    world.socket.drop(1012);
    await world.untilNextSocket();
    world.socket.hello("e2");
    const sub = world.socket.one();
    assert.deepEqual(sub.keys, [{ k: KEY }]);
    if (when == "watched") {
      world.socket.tell({ t: "ok", id: sub.id, subs: [{ k: KEY }] }, snap(1, { n: 2 }));
      assert.deepEqual(values, [{ n: 1 }, { n: 2 }]);
    } else {
      // If it has not come back, it has ended.
      world.socket.tell({ t: "ok", id: sub.id, subs: [{ k: KEY, err: "not_found" }] });
      assert.equal(watch.end.why, "not_found");
    }
  }
});

test("a store that is not served ends what watches it", async (t) => {
  const world = new World(t);
  world.open();
  const watch = world.live.watch("nothing", KEY), other = world.live.watch("nothing", OTHER);
  await settle();
  world.socket.tell({ t: "err", id: 1, code: "bad_request" });
  assert.deepEqual([watch.end.why, other.end.why], ["bad_request", "bad_request"]);
});

test("a subscription that comes too often is asked for later", async (t) => {
  const world = new World(t);
  world.open();
  const watch = world.live.watch("room", KEY);
  await settle();
  world.socket.take();
  world.socket.tell({ t: "err", id: 1, code: "rate_limited", retry: true, after: 300 });
  await world.pass(299);
  assert.deepEqual(world.socket.take(), []);
  await world.pass(1);
  world.socket.tell({ t: "ok", id: world.socket.one().id, subs: [{ k: KEY }] }, snap(1, 7));
  assert.equal(watch.value, 7);
});

test("what is not to be had now is asked for later", async (t) => {
  const world = new World(t);
  world.open();
  const one = await world.watched(), two = world.live.watch("room", OTHER), here = world.live.watch("room@here", KEY), values = told(two);
  await settle();
  world.socket.take();
  world.socket.tell({ t: "ok", id: 2, subs: [{ k: OTHER, err: "unavailable", retry: true }] }, { t: "ok", id: 3, subs: [{ k: KEY, err: "unavailable" }] });
  assert.deepEqual([two.end, here.end, values], [undefined, undefined, [undefined]]);
  await world.pass(999);
  assert.deepEqual(world.socket.take(), []);
  await world.pass(1);
  assert.deepEqual(world.socket.take().map(({ s, keys }) => [s, keys]), [["room", [{ k: OTHER }]], ["room@here", [{ k: KEY }]]]);
  world.socket.tell({ t: "ok", id: 4, subs: [{ k: OTHER }] }, snap(1, 7, { k: OTHER }), { t: "ok", id: 5, subs: [{ k: KEY, err: "not_found" }] });
  assert.deepEqual([one.value, two.value, here.end.why], [{ n: 1 }, 7, "not_found"]);
});

test("who is there ends with the server like anything else", async (t) => {
  const world = new World(t);
  world.open();
  const here = world.live.watch("room@here", KEY), values = told(here);
  await settle();
  world.socket.take();
  const count = (count) => ({ t: "snap", s: "room@here", k: KEY, r: "a", ver: 1, v: { count } });
  world.socket.tell({ t: "ok", id: 1, subs: [{ k: KEY }] }, count(1), { t: "end", s: "room@here", k: KEY, ver: 1, why: "closed" });
  await world.pass(5000);
  assert.deepEqual([world.socket.take(), here.end], [[], undefined]);
  world.socket.drop(1012);
  await world.untilNextSocket();
  world.socket.hello("e2");
  world.socket.tell({ t: "ok", id: world.socket.one().id, subs: [{ k: KEY }] }, count(2));
  assert.deepEqual(values, [undefined, { count: 1 }, { count: 2 }]);
});

test("a pause before it is asked again ends with its connection", async (t) => {
  const world = new World(t);
  const live = world.open();
  live.watch("room", KEY);
  await settle();
  world.socket.take();
  world.socket.tell({ t: "err", id: 1, code: "rate_limited", retry: true, after: 5000 });
  world.socket.drop();
  await world.untilNextSocket();
  world.socket.hello();
  assert.equal(world.socket.take().length, 1);
  // It is on its way, so it is not asked for once more.
  await world.pass(6000);
  assert.deepEqual(world.socket.take(), []);
  world.socket.tell({ t: "err", id: 2, code: "rate_limited", retry: true, after: 5000 });
  live.close();
  assert.equal(world.timers.size, 0);
});

test("whoever leaves makes room for who comes, and is not kept because that came too often", async (t) => {
  const world = new World(t);
  const live = world.open();
  const one = live.watch("room", KEY), two = live.watch("room", OTHER), list = live.watch("a", key(3));
  await settle();
  world.socket.take();
  world.socket.tell({ t: "ok", id: 1, subs: [{ k: KEY }, { k: OTHER }] }, { t: "ok", id: 2, subs: [{ k: key(3) }] });
  one.close();
  two.close();
  list.close();
  live.watch("a", key(4));
  await settle();
  assert.deepEqual(world.socket.take().map(({ t, id, s, keys }) => [t, id, s, keys.map(({ k }) => k)]), [
    ["unsub", 3, "room", [KEY, OTHER]],
    ["unsub", 4, "a", [key(3)]],
    ["sub", 5, "a", [key(4)]],
  ]);
  world.socket.tell({ t: "err", id: 3, code: "rate_limited", retry: true, after: 300 }, { t: "ok", id: 4 });
  // One of them comes back meanwhile.
  live.watch("room", OTHER);
  await world.pass(299);
  assert.equal(world.socket.one().t, "sub");
  await world.pass(1);
  assert.deepEqual(world.socket.one(), { t: "unsub", id: 7, s: "room", keys: [{ k: KEY }] });
  world.socket.tell({ t: "ok", id: 7 });
  await world.pass(10_000);
  assert.deepEqual(world.socket.take(), []);
});

test("who leaves many keys says so in frames that the server takes", async (t) => {
  const world = new World(t);
  const live = world.connect();
  const watches = Array.from({ length: 100 }, (_, at) => live.watch("room", key(at)));
  world.socket.hello("e", { max: { bytes: 4096, subs: 128, rate: 50 } });
  world.socket.take();
  for (const { close } of watches) close();
  await settle();
  const sent = world.socket.take();
  assert.deepEqual(sent.map(({ t, keys }) => [t, keys.length]), [["unsub", 32], ["unsub", 32], ["unsub", 32], ["unsub", 4]]);
  assert(sent.every((frame) => JSON.stringify(frame).length <= 4096));
});

test("who has closed is told nothing more, though others watch the same key", async (t) => {
  const world = new World(t);
  world.open();
  const one = await world.watched(), two = world.live.watch("room", KEY), heard = [];
  one.subscribe((value) => heard.push(["one", value.n]));
  one.messages((message) => heard.push(["one", message]), () => heard.push(["one", "missed"]));
  two.subscribe((value) => heard.push(["two", value.n]));
  two.messages((message) => heard.push(["two", message]), () => heard.push(["two", "missed"]));
  // One that has left by itself before, and one that comes after.
  one.subscribe((value) => heard.push(["left", value.n]))();
  one.close();
  one.subscribe((value) => heard.push(["late", value.n]));
  const closing = world.live.watch("room", KEY);
  closing.subscribe((value) => (heard.push(["closing", value.n]), closing.close()));
  heard.length = 0;
  world.socket.tell(upd(5, 6, set(2)), { t: "msg", s: "room", k: KEY, ver: 6, msg: "hi" }, { t: "lag", s: "room", k: KEY, msgs: 3 });
  assert.deepEqual(heard, [["two", 2], ["two", "hi"], ["two", "missed"]]);
});

test("what is closed while there is no connection is forgotten", async (t) => {
  const world = new World(t);
  const live = world.connect(), first = live.watch("room", KEY);
  first.close();
  await settle();
  await assert.rejects(first.ready, { code: "closed" });
  // Another life, which knows nothing of it.
  const kept = live.watch("room", KEY);
  world.socket.hello();
  world.socket.tell({ t: "ok", id: world.socket.one().id, subs: [{ k: KEY }] }, snap(1, 7));
  live.close();
  assert.equal(live.watch("room", KEY).value, 7);
  // Nobody will tell anything of others.
  const late = live.watch("room", OTHER);
  await assert.rejects(late.ready, { code: "closed" });
  assert.deepEqual([kept.value, late.value], [7, undefined]);
});

test("a listener that throws when it is told at once is not kept", async (t) => {
  const world = new World(t);
  world.open();
  const watch = await world.watched();
  let calls = 0;
  assert.throws(() => watch.subscribe(() => { calls++; throw new RangeError("mine"); }), RangeError);
  world.socket.tell(upd(5, 6, set(2)));
  assert.equal(calls, 1);
});

test("several who watch one key share it, until the last has closed", async (t) => {
  const world = new World(t);
  world.open();
  const one = await world.watched();
  const two = world.live.watch("room", KEY);
  await settle();
  assert.deepEqual(world.socket.take(), []);
  assert.deepEqual(two.value, { n: 1 });
  one.close();
  one.close();
  await settle();
  assert.deepEqual(world.socket.take(), []);
  two.close();
  // Whoever comes at once, as React has its components do, keeps it.
  const three = world.live.watch("room", KEY);
  await settle();
  assert.deepEqual(world.socket.take(), []);
  three.close();
  await settle();
  assert.deepEqual(world.socket.one(), { t: "unsub", id: 2, s: "room", keys: [{ k: KEY }] });
  const values = told(three);
  world.socket.tell(upd(5, 6, set(2)));
  assert.deepEqual(values, [{ n: 1 }]);
  world.socket.drop();
  await world.untilNextSocket();
  world.socket.hello();
  assert.deepEqual(world.socket.take(), []);
});

test("what was closed before it was asked for is not asked for", async (t) => {
  const world = new World(t);
  world.open();
  world.live.watch("room", KEY).close();
  await settle();
  assert.deepEqual(world.socket.take(), []);
});

test("frames of the last subscription do not end the next one", async (t) => {
  const world = new World(t);
  world.open();
  const before = await world.watched();
  before.close();
  await settle();
  const watch = world.live.watch("room", KEY);
  await settle();
  const [unsub, sub] = world.socket.take();
  assert.deepEqual([unsub.t, sub.t], ["unsub", "sub"]);
  // These were on their way.
  world.socket.tell(upd(5, 6, set(2)), { t: "end", s: "room", k: KEY, ver: 7, why: "removed" });
  assert.deepEqual([watch.value, watch.end], [undefined, undefined]);
  world.socket.tell({ t: "ok", id: sub.id, subs: [{ k: KEY }] }, snap(8, { n: 8 }));
  assert.deepEqual([watch.value, before.value], [{ n: 8 }, { n: 1 }]);
});

test("an answer to who has left does not end who has come", async (t) => {
  const world = new World(t);
  world.open();
  const left = world.live.watch("room", KEY);
  await settle();
  left.close();
  await settle();
  const watch = world.live.watch("room", KEY);
  await settle();
  const [sub, , again] = world.socket.take();
  world.socket.tell({ t: "ok", id: sub.id, subs: [{ k: KEY, err: "not_found" }] });
  assert.equal(watch.end, undefined);
  world.socket.tell({ t: "ok", id: again.id, subs: [{ k: KEY }] }, snap(1, 1));
  assert.equal(watch.value, 1);
});

test("where one store is served, it is not named", async (t) => {
  const world = new World(t);
  world.open();
  const watch = world.live.watch("room", KEY);
  await settle();
  world.socket.tell(
    { t: "ok", id: 1, subs: [{ k: KEY }] },
    { t: "snap", k: KEY, r: "a", ver: 1, v: 1 },
    { t: "upd", k: KEY, r: "a", from: 1, ver: 2, p: [[[], 2]] },
  );
  assert.equal(watch.value, 2);
});

test("what is not named is not of who is there", async (t) => {
  const world = new World(t);
  world.open();
  const room = world.live.watch("room", KEY), here = world.live.watch("room@here", KEY);
  await settle();
  world.socket.tell(
    { t: "ok", id: 1, subs: [{ k: KEY }] },
    { t: "ok", id: 2, subs: [{ k: KEY }] },
    { t: "snap", s: "room@here", k: KEY, r: "a", ver: 2, v: { count: 1 } },
    { t: "snap", k: KEY, r: "a", ver: 50, v: { lines: [] } },
    { t: "upd", k: KEY, r: "a", from: 50, ver: 51, p: [[["lines"], ["hi"]]] },
    { t: "upd", s: "room@here", k: KEY, r: "a", from: 2, ver: 3, p: [[["count"], 2]] },
  );
  assert.deepEqual([room.value, here.value], [{ lines: ["hi"] }, { count: 2 }]);
});

test("stores are told apart", async (t) => {
  const world = new World(t);
  world.open();
  const room = world.live.watch("room", KEY), here = world.live.watch("room@here", KEY);
  await settle();
  world.socket.tell(
    { t: "ok", id: 1, subs: [{ k: KEY }] },
    { t: "ok", id: 2, subs: [{ k: KEY }] },
    { t: "snap", s: "room", k: KEY, r: "a", ver: 1, v: 1 },
    { t: "snap", s: "room@here", k: KEY, r: "a", ver: 7, v: { ann: {} } },
  );
  assert.deepEqual([room.value, here.value], [1, { ann: {} }]);
});

test("messages come with their version, and lost ones are counted", async (t) => {
  const world = new World(t);
  world.open();
  const watch = await world.watched(), heard = [];
  const leave = watch.messages((msg, ver) => heard.push([msg, ver]), (missed) => heard.push(missed));
  const without = watch.messages((msg) => heard.push(msg));
  world.socket.tell({ t: "msg", s: "room", k: KEY, ver: 5, msg: "hi" }, { t: "lag", s: "room", k: KEY, msgs: 3 });
  leave();
  without();
  world.socket.tell({ t: "msg", s: "room", k: KEY, ver: 5, msg: "no" }, { t: "lag", s: "room", k: KEY, msgs: 3 });
  assert.deepEqual(heard, [["hi", 5], "hi", 3]);
});

test("a listener that brings about a newer value has nobody told of the older one after it", async (t) => {
  const world = new World(t);
  world.open();
  const watch = await world.watched(), heard = [];
  watch.subscribe((value) => {
    if (value.n == 2) world.socket.tell(upd(6, 7, set(3)));
  });
  watch.subscribe((value) => heard.push(value.n));
  world.socket.tell(upd(5, 6, set(2)));
  assert.equal(heard.at(-1), 3);
  assert.equal(watch.value.n, 3);
  assert(!heard.slice(1).includes(2));
});

test("keys that are called like a prototype are data", async (t) => {
  const world = new World(t);
  world.open();
  const watch = world.live.watch("room", KEY);
  await settle();
  world.socket.tell({ t: "ok", id: 1, subs: [{ k: KEY }] });
  world.socket.raw(`{"t":"snap","s":"room","k":"${KEY}","r":"a","ver":1,"v":{"__proto__":{"x":1}}}`);
  world.socket.raw(`{"t":"upd","s":"room","k":"${KEY}","r":"a","from":1,"ver":2,"p":[[["__proto__","x"],2]]}`);
  assert.equal(JSON.stringify(watch.value), '{"__proto__":{"x":2}}');
  assert.equal(watch.value.x, undefined);
  assert.equal({}.x, undefined);
});

test("whole numbers of any size, where that is asked for", async (t) => {
  const world = new World(t);
  const live = world.open({ bigint: true });
  const watch = live.watch("room", KEY);
  await settle();
  world.socket.take();
  world.socket.raw(`{"t":"ok","id":1,"subs":[{"k":"${KEY}"}]}\n{"t":"snap","s":"room","k":"${KEY}","r":"a","ver":1,"v":[18446744073709551615,1]}`);
  assert.deepEqual(watch.value, [18446744073709551615n, 1]);
  let text;
  world.socket.send = (sent) => (text = sent);
  live.send("room", KEY, { n: 18446744073709551615n, s: "18446744073709551615" }).catch(() => {});
  assert(text.includes('"c":{"n":18446744073709551615,"s":"18446744073709551615"}'), text);
});

test("a line that says nothing takes nothing from those behind it", async (t) => {
  const world = new World(t);
  world.open();
  const watch = await world.watched({ n: 1 }, { ver: 5 });
  world.socket.raw(`null\n7\n${JSON.stringify(snap(7, { n: 3 }))}`);
  assert.deepEqual(watch.value, { n: 3 });
});
