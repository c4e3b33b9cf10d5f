// What is asked for: answers, refusals, what nobody knows the outcome of, and changes that are shown before they are made.

import assert from "node:assert/strict";
import { test } from "node:test";
import { LiveError } from "../../livestore/client/livestore.js";
import { KEY, OTHER, World, settle, told } from "./world.js";

const upd = (from, ver, p, more = {}) => ({ t: "upd", s: "room", k: KEY, r: "a", from, ver, p, ...more });
const snap = (ver, v, more = {}) => ({ t: "snap", s: "room", k: KEY, r: "a", ver, v, ...more });
const push = (line) => (value) => ({ ...value, lines: [...value.lines, line] });

/** What came of a promise so far. */
const outcome = (promise) => {
  const seen = { is: "waits" };
  promise.then((value) => Object.assign(seen, { is: "done", value }), (error) => Object.assign(seen, { is: error.code ?? error.name, error }));
  return seen;
};

test("a command is answered with its version", async (t) => {
  const world = new World(t);
  const live = world.open();
  const sent = live.send("room", KEY.toUpperCase(), { say: "hi" });
  assert.deepEqual(world.socket.one(), { t: "cmd", id: 1, s: "room", k: KEY, c: { say: "hi" } });
  world.socket.tell({ t: "ok", id: 1, ver: 42 });
  assert.equal(await sent, 42);
});

test("replies may come in another order", async (t) => {
  const world = new World(t);
  const live = world.open();
  const asked = [live.call("a", 1), live.get("room", KEY), live.send("room", KEY, 2), live.publish("room", KEY, "hi", { confirm: true }), live.call("b")];
  assert.deepEqual(world.socket.take(), [
    { t: "call", id: 1, f: "a", c: 1 },
    { t: "get", id: 2, s: "room", k: KEY },
    { t: "cmd", id: 3, s: "room", k: KEY, c: 2 },
    { t: "pub", id: 4, s: "room", k: KEY, msg: "hi" },
    { t: "call", id: 5, f: "b" },
  ]);
  world.socket.tell({ t: "ok", id: 5, v: null }, { t: "ok", id: 4 }, { t: "ok", id: 3, ver: 7 }, { t: "ok", id: 2, ver: 7, v: { x: [1] } }, { t: "ok", id: 1, v: { y: 1 } });
  assert.deepEqual(await Promise.all(asked), [{ y: 1 }, { value: { x: [1] }, version: 7 }, 7, undefined, null]);
  assert(Object.isFrozen((await asked[1]).value.x) && Object.isFrozen(await asked[0]));
});

test("a refusal is an error with all that was said", async (t) => {
  const world = new World(t);
  const live = world.open();
  const refused = (told, expected) => {
    const asked = live.send("room", KEY, {});
    world.socket.tell({ t: "err", id: world.socket.one().id, ...told });
    return assert.rejects(asked, (error) => {
      assert(error instanceof LiveError && error instanceof Error);
      const { code, reason, version, retry, after, message } = error;
      assert.deepEqual({ code, reason, version, retry, after, message }, { reason: undefined, version: undefined, retry: false, after: undefined, ...expected });
      return true;
    });
  };
  await refused({ code: "rejected", err: "too long" }, { code: "rejected", reason: "too long", message: "rejected: too long" });
  await refused({ code: "rejected", err: { field: "text" } }, { code: "rejected", reason: { field: "text" }, message: "rejected" });
  await refused({ code: "conflict", ver: 43 }, { code: "conflict", version: 43, message: "conflict" });
  await refused({ code: "rate_limited", retry: true, after: 20 }, { code: "rate_limited", retry: true, after: 20, message: "rate_limited" });
  // Once.
  world.socket.tell({ t: "err", id: 1, code: "internal" });
});

test("at a version alone, which is that of what was seen", async (t) => {
  const world = new World(t);
  const live = world.open();
  live.send("room", KEY, 1, { if: 3 }).catch(() => {});
  assert.deepEqual(world.socket.one(), { t: "cmd", id: 1, s: "room", k: KEY, c: 1, if: 3, epoch: "e1" });
  const watch = await world.watched();
  world.socket.drop();
  await world.untilNextSocket();
  world.socket.hello("e2");
  world.socket.take();
  // What is seen is of the former epoch yet, so it is no version of this one.
  watch.send(1, { if: watch.version }).catch(() => {});
  assert.deepEqual([world.socket.one()].map((sent) => [sent.if, sent.epoch]), [[5, "e1"]]);
  world.socket.tell({ t: "ok", id: 3, subs: [{ k: KEY }] }, snap(5, { n: 2 }));
  watch.send(1, { if: watch.version }).catch(() => {});
  assert.deepEqual([world.socket.one()].map((sent) => [sent.if, sent.epoch]), [[5, "e2"]]);
});

test("a reply says which version there is, to who is subscribed", async (t) => {
  const world = new World(t);
  const live = world.open(), watch = await world.watched();
  live.send("room", KEY, {});
  const { id } = world.socket.one();
  // Nothing of what is seen has changed.
  world.socket.tell({ t: "ok", id, ver: 7 });
  assert.equal(watch.version, 7);
  world.socket.tell(upd(7, 8, [[["n"], 2]]));
  assert.deepEqual([watch.value, watch.version], [{ n: 2 }, 8]);
  // A later one of an earlier version says nothing.
  live.send("room", KEY, {});
  world.socket.tell({ t: "ok", id: world.socket.one().id, ver: 3 });
  assert.equal(watch.version, 8);
  assert.deepEqual(world.socket.take(), []);
});

test("a conflict says which version there is, too", async (t) => {
  const world = new World(t);
  world.open();
  const watch = await world.watched({ lines: [] }), values = told(watch);
  const sent = outcome(watch.send({}, { if: watch.version, optimistic: push("mine") }));
  // Others have changed what is not seen here, so that nothing was told of it.
  world.socket.tell({ t: "err", id: world.socket.one().id, code: "conflict", ver: 7 });
  // Whoever asks again at once does not ask for the same again.
  assert.equal(watch.version, 7);
  await settle();
  assert.equal(sent.is, "conflict");
  assert.deepEqual(values.map(({ lines }) => lines.join("")), ["", "mine", ""]);
  watch.send({}, { if: watch.version }).catch(() => {});
  assert.equal(world.socket.one().if, 7);
});

test("a reply says nothing to who has not the status of his subscription yet", async (t) => {
  const world = new World(t);
  const live = world.open(), watch = await world.watched();
  // A gap: what lies between has not been told.
  world.socket.tell(upd(6, 7, [[["n"], 7]]));
  live.send("room", KEY, {});
  const [sub, command] = world.socket.take();
  assert.deepEqual([sub.t, command.t], ["sub", "cmd"]);
  world.socket.tell({ t: "ok", id: command.id, ver: 8 });
  assert.equal(watch.version, 5);
  world.socket.tell({ t: "ok", id: sub.id, subs: [{ k: KEY }] }, upd(5, 8, [[["n"], 8]]));
  assert.deepEqual([watch.value, watch.version], [{ n: 8 }, 8]);
  // Nor to who has come after he has left.
  watch.close();
  await settle();
  const again = live.watch("room", KEY);
  live.send("room", KEY, {});
  const sent = world.socket.take();
  world.socket.tell({ t: "ok", id: sent[2].id, ver: 9 });
  assert.equal(again.version, 0);
});

test("a subscription goes before the command that was given after it", async (t) => {
  const world = new World(t);
  const live = world.open();
  live.watch("room", KEY);
  live.send("room", KEY, {});
  live.publish("room", KEY, 1);
  assert.deepEqual(world.socket.take().map((frame) => frame.t), ["sub", "cmd", "pub"]);
  live.watch("room", OTHER);
  live.publish("room", OTHER, 1);
  assert.deepEqual(world.socket.take().map((frame) => frame.t), ["sub", "pub"]);
});

test("what was not sent yet is sent when there is a connection, in order", async (t) => {
  const world = new World(t);
  const live = world.connect();
  live.watch("room", KEY);
  const sent = live.send("room", KEY, 1);
  live.send("room", KEY, 2);
  const argument = { x: 1 };
  live.call("f", argument);
  argument.x = 2;
  assert.equal(live.publish("room", KEY, "nobody hears it"), false);
  world.socket.drop();
  await world.untilNextSocket();
  world.socket.hello();
  assert.deepEqual(world.socket.take().map((frame) => [frame.t, frame.c]), [["sub", undefined], ["cmd", 1], ["cmd", 2], ["call", { x: 1 }]]);
  world.socket.tell({ t: "ok", id: 1, ver: 2 });
  assert.equal(await sent, 2);
  assert.equal(live.publish("room", KEY, "this they do"), true);
});

test("what was sent and not answered is unknown, and never sent again", async (t) => {
  const world = new World(t);
  const live = world.open();
  const asked = [live.send("room", KEY, 1), live.call("f"), live.publish("room", KEY, 1, { confirm: true })].map(outcome);
  const read = live.get("room", KEY);
  world.socket.drop();
  await settle();
  assert.deepEqual(asked.map(({ is }) => is), ["unknown", "unknown", "unknown"]);
  await world.untilNextSocket();
  world.socket.hello();
  // Only what changes nothing is asked again.
  const again = world.socket.one();
  assert.equal(again.t, "get");
  world.socket.tell({ t: "ok", id: again.id, ver: 1, v: 2 });
  assert.deepEqual(await read, { value: 2, version: 1 });
  live.close();
});

test("when it is closed, what was sent is unknown and what was not is not done", async (t) => {
  const world = new World(t);
  const live = world.open();
  const sent = outcome(live.send("room", KEY, 1)), read = outcome(live.get("room", KEY));
  live.close();
  await settle();
  assert.deepEqual([sent.is, read.is], ["unknown", "closed"]);
  const other = world.connect(), waits = outcome(other.send("room", KEY, 1));
  const first = outcome(other.watch("room", KEY).ready);
  other.close();
  await settle();
  assert.deepEqual([waits.is, first.is], ["closed", "closed"]);
});

test("no more is unanswered than the server takes", async (t) => {
  const world = new World(t);
  const live = world.open();
  for (let at = 0; at < 40; at++) live.send("room", KEY, at).catch(() => {});
  const sent = world.socket.take();
  assert.equal(sent.length, 32);
  world.socket.tell({ t: "ok", id: sent[3].id, ver: 1 }, { t: "err", id: sent[0].id, code: "rejected" });
  assert.deepEqual(world.socket.take().map(({ c }) => c), [32, 33]);
});

test("what was lost with a connection is not counted in the next", async (t) => {
  const world = new World(t);
  const live = world.open();
  for (let at = 0; at < 32; at++) live.send("room", KEY, at).catch(() => {});
  world.socket.drop();
  await world.untilNextSocket();
  world.socket.hello();
  live.send("room", KEY, "next").catch(() => {});
  assert.equal(world.socket.one().c, "next");
});

test("what is too large is not sent", async (t) => {
  const world = new World(t);
  const live = world.open();
  await assert.rejects(live.send("room", KEY, "x".repeat(65_536)), { code: "too_large" });
  // Bytes count, not characters.
  await assert.rejects(live.send("room", KEY, "漢".repeat(22_000)), { code: "too_large" });
  assert.equal(live.publish("room", KEY, "x".repeat(65_536)), false);
  assert.deepEqual(world.socket.take(), []);
  live.send("room", KEY, "x".repeat(65_000)).catch(() => {});
  assert.equal(world.socket.one().c.length, 65_000);
});

test("what cannot be written is an error at once", async (t) => {
  const world = new World(t);
  const live = world.open(), watch = await world.watched({ lines: [] });
  const cycle = {};
  cycle.cycle = cycle;
  await assert.rejects(live.send("room", KEY, cycle, { optimistic: push("x") }), TypeError);
  assert.deepEqual(watch.value, { lines: [] });
  await assert.rejects(live.call("f", cycle), TypeError);
  assert.throws(() => live.publish("room", KEY, cycle), TypeError);
});

test("a change is shown before it is made, and once", async (t) => {
  const world = new World(t);
  world.open();
  const watch = await world.watched({ lines: [] }), values = told(watch);
  const sent = watch.send("a", { optimistic: push("a") });
  assert.deepEqual(values.at(-1), { lines: ["a"] });
  assert(Object.isFrozen(watch.value.lines));
  const { id } = world.socket.one();
  // The frame that has it comes before the reply.
  world.socket.tell(upd(5, 6, [[["lines"], 0, 0, ["a"]]]));
  world.socket.tell({ t: "ok", id, ver: 6 });
  await sent;
  await world.pass(1000);
  assert.deepEqual(values, [{ lines: [] }, { lines: ["a"] }]);
  assert.equal(watch.version, 6);
});

test("a refused change is taken back, and those after it stay", async (t) => {
  const world = new World(t);
  world.open();
  const watch = await world.watched({ lines: [] }), values = told(watch);
  const a = outcome(watch.send("a", { optimistic: push("a") })), b = outcome(watch.send("b", { optimistic: push("b") }));
  assert.deepEqual(watch.value.lines, ["a", "b"]);
  const sent = world.socket.take();
  world.socket.tell({ t: "err", id: sent[0].id, code: "rejected", err: "no" });
  await settle();
  assert.deepEqual([a.is, b.is], ["rejected", "waits"]);
  assert.deepEqual(watch.value.lines, ["b"]);
  world.socket.tell(upd(5, 6, [[["lines"], 0, 0, ["b"]]]), { t: "ok", id: sent[1].id, ver: 6 });
  await settle();
  assert.deepEqual(values.map(({ lines }) => lines.join("")), ["", "a", "ab", "b"]);
});

test("a change goes on top of what comes in between", async (t) => {
  const world = new World(t);
  world.open();
  const watch = await world.watched({ lines: ["x"], other: { y: 1 } }), { other } = watch.value;
  watch.send("a", { optimistic: push("a") });
  const { id } = world.socket.one();
  world.socket.tell(upd(5, 6, [[["lines"], 1, 0, ["y"]]]));
  await world.pass(30);
  assert.deepEqual(watch.value.lines, ["x", "y", "a"]);
  world.socket.tell(upd(6, 8, [[["lines"], 2, 0, ["a", "z"]]]), { t: "ok", id, ver: 7 });
  await settle();
  assert.deepEqual(watch.value.lines, ["x", "y", "a", "z"]);
  assert.equal(watch.value.other, other);
});

test("what has come up to a reply is shown with it", async (t) => {
  const world = new World(t);
  world.open();
  const watch = await world.watched({ lines: [] });
  for (const line of "ab") watch.send(line, { optimistic: push(line) });
  const sent = world.socket.take();
  world.socket.tell(upd(5, 7, [[["lines"], 0, 0, ["x", "a"]]]), { t: "ok", id: sent[0].id, ver: 7 });
  assert.deepEqual([watch.value.lines, watch.version], [["x", "a", "b"], 7]);
});

test("what was done is shown by the time one knows, also if a later change was told with it", async (t) => {
  const world = new World(t);
  world.open();
  const watch = await world.watched({ lines: [] }), values = told(watch);
  const a = watch.send("a").then(() => watch.value.lines);
  const b = watch.send("b", { optimistic: push("b") });
  const sent = world.socket.take();
  world.socket.tell(upd(5, 7, [[["lines"], 0, 0, ["a", "b"]]]), { t: "ok", id: sent[0].id, ver: 6 });
  await world.pass(1);
  world.socket.tell({ t: "ok", id: sent[1].id, ver: 7 });
  await b;
  await world.pass(30);
  assert.deepEqual(await a, ["a", "b"]);
  assert.deepEqual(values.map(({ lines }) => lines.join("")), ["", "b", "ab"]);
});

test("several changes in one update are shown once", async (t) => {
  const world = new World(t);
  world.open();
  const watch = await world.watched({ lines: [] }), values = told(watch);
  for (const line of "abc") watch.send(line, { optimistic: push(line) });
  const sent = world.socket.take();
  world.socket.tell(upd(5, 8, [[["lines"], 0, 0, ["a", "b", "c"]]]));
  for (const at of [0, 1, 2]) world.socket.tell({ t: "ok", id: sent[at].id, ver: 6 + at });
  await world.pass(1000);
  assert.deepEqual(values.map(({ lines }) => lines.join("")), ["", "a", "ab", "abc"]);
});

test("what others do is not held back for long", async (t) => {
  const world = new World(t);
  world.open();
  const watch = await world.watched({ lines: [] });
  watch.send("a", { optimistic: push("a") });
  world.socket.tell(upd(5, 6, [[["lines"], 0, 0, ["x"]]]));
  assert.deepEqual([watch.value.lines, watch.version], [["a"], 5]);
  await world.pass(29);
  assert.deepEqual(watch.value.lines, ["a"]);
  await world.pass(1);
  assert.deepEqual([watch.value.lines, watch.version], [["x", "a"], 6]);
  // Nor is it the next time, whatever ended the last.
  world.socket.tell(upd(6, 7, [[["lines"], 0, 0, ["y"]]]), { t: "ok", id: world.socket.one().id, ver: 7 });
  watch.send("b", { optimistic: push("b") }).catch(() => {});
  world.socket.tell(upd(7, 8, [[["lines"], 0, 0, ["z"]]]));
  await world.pass(30);
  assert.deepEqual(watch.value.lines, ["z", "y", "x", "b"]);
  world.socket.tell(upd(8, 9, [[["lines"], 0, 1, []]]));
  world.socket.drop();
  await world.untilNextSocket();
  world.socket.hello();
  world.socket.tell({ t: "ok", id: world.socket.take().at(-1).id, subs: [{ k: KEY, same: true }] });
  watch.send("c", { optimistic: push("c") }).catch(() => {});
  world.socket.tell(upd(9, 10, [[["lines"], 0, 1, []]]));
  await world.pass(30);
  assert.deepEqual(watch.value.lines, ["x", "c"]);
});

test("a change that changes nothing of what is seen goes with its reply", async (t) => {
  const world = new World(t);
  world.open();
  const watch = await world.watched({ lines: [] });
  const sent = watch.send("a", { optimistic: push("a") });
  world.socket.tell({ t: "ok", id: world.socket.one().id, ver: 6 });
  await sent;
  assert.deepEqual([watch.value.lines, watch.version], [[], 6]);
});

test("a change that throws has nothing sent", async (t) => {
  const world = new World(t);
  world.open();
  const watch = await world.watched({ lines: [] });
  await assert.rejects(watch.send("a", { optimistic: (value) => value.lines.push("a") }), TypeError);
  await assert.rejects(watch.send("a", { optimistic: () => { throw new RangeError("mine"); } }), RangeError);
  const cycle = [];
  cycle.push(cycle);
  await assert.rejects(watch.send("a", { optimistic: () => cycle }), RangeError);
  assert.deepEqual(world.socket.take(), []);
  assert.deepEqual(watch.value, { lines: [] });
});

test("a change that makes nothing of a value is no end", async (t) => {
  const world = new World(t);
  world.open();
  const watch = await world.watched({ lines: [] });
  await assert.rejects(watch.send("a", { optimistic: () => {} }), TypeError);
  assert.deepEqual(world.socket.take(), []);
  const sent = watch.send("a", { optimistic: (value) => (value.lines.length ? undefined : { lines: ["a"] }) });
  world.socket.tell(upd(5, 6, [[["lines"], 0, 0, ["x"]]]));
  await world.pass(30);
  assert.deepEqual(watch.value, { lines: ["x"] });
  world.socket.tell({ t: "ok", id: world.socket.one().id, ver: 6 });
  await sent;
});

test("when it is closed, changes of which nobody knows what came are not shown for good", async (t) => {
  const world = new World(t);
  const live = world.open(), watch = await world.watched({ lines: [] });
  const sent = outcome(watch.send("a", { optimistic: push("a") }));
  // This is held back for the reply.
  world.socket.tell(upd(5, 6, [[["lines"], 0, 0, ["x"]]]));
  live.close();
  assert.deepEqual(watch.value, { lines: ["x"] });
  await settle();
  assert.equal(sent.is, "unknown");
});

test("one that does not fit what came in between is left out", async (t) => {
  const world = new World(t);
  world.open();
  const watch = await world.watched({ lines: [], card: { x: 1 } });
  watch.send("move", { optimistic: (value) => ({ ...value, card: { ...value.card, x: value.card.x + 1 } }) }).catch(() => {});
  watch.send("a", { optimistic: push("a") });
  assert.deepEqual(watch.value, { lines: ["a"], card: { x: 2 } });
  const sent = world.socket.take();
  world.socket.tell(upd(5, 6, [[["card"], null]]));
  await world.pass(30);
  assert.deepEqual(watch.value, { lines: ["a"], card: null });
  world.socket.tell({ t: "err", id: sent[0].id, code: "rejected" });
  assert.deepEqual(watch.value, { lines: ["a"], card: null });
});

test("a change of unknown outcome is shown until one knows", async (t) => {
  for (const [then, expected] of [
    [[{ k: KEY, same: true }], ["x"]],
    [[{ k: KEY }, upd(5, 6, [[["lines"], 1, 0, ["a"]]])], ["x", "a"]],
    [[{ k: KEY }, snap(9, { lines: ["z"] })], ["z"]],
    [[{ k: KEY, err: "not_found" }], undefined],
  ]) {
    const world = new World(t);
    world.open();
    const watch = await world.watched({ lines: ["x"] }), values = told(watch);
    const a = outcome(watch.send("a", { optimistic: push("a") }));
    world.socket.drop();
    await settle();
    assert.equal(a.is, "unknown");
    await world.untilNextSocket();
    assert.deepEqual(watch.value.lines, ["x", "a"]);
    world.socket.hello();
    const [status, ...frames] = then;
    world.socket.tell({ t: "ok", id: world.socket.one().id, subs: [status] }, ...frames);
    assert.deepEqual(watch.value?.lines, expected);
    await world.pass(100);
    assert.deepEqual(watch.value?.lines, expected);
    assert(values.every((value) => value === undefined || value.lines.length));
  }
});

test("an update that was held back when the connection broke is not lost", async (t) => {
  const world = new World(t);
  world.open();
  const watch = await world.watched({ lines: [] });
  watch.send("a", { optimistic: push("a") }).catch(() => {});
  world.socket.tell(upd(5, 6, [[["lines"], 0, 0, ["a"]]]));
  world.socket.drop();
  await world.untilNextSocket();
  world.socket.hello();
  const sub = world.socket.take()[0];
  assert.deepEqual(sub.keys, [{ k: KEY, ver: 6, r: "a" }]);
  assert.deepEqual(watch.value.lines, ["a"]);
  world.socket.tell({ t: "ok", id: sub.id, subs: [{ k: KEY, same: true }] });
  assert.deepEqual([watch.value.lines, watch.version], [["a"], 6]);
});

test("a change that waits for a connection is shown all the while", async (t) => {
  const world = new World(t);
  world.open();
  const watch = await world.watched({ lines: [] });
  world.socket.drop();
  const sent = outcome(watch.send("a", { optimistic: push("a") }));
  assert.deepEqual(watch.value.lines, ["a"]);
  await world.untilNextSocket();
  world.socket.hello();
  const [sub, command] = world.socket.take();
  world.socket.tell({ t: "ok", id: sub.id, subs: [{ k: KEY }] }, upd(5, 6, [[["lines"], 0, 0, ["x"]]]));
  await world.pass(30);
  assert.deepEqual(watch.value.lines, ["x", "a"]);
  world.socket.tell(upd(6, 7, [[["lines"], 1, 0, ["a"]]]), { t: "ok", id: command.id, ver: 7 });
  await settle();
  assert.deepEqual([watch.value.lines, sent.is], [["x", "a"], "done"]);
});

test("when the watch ends, so do its changes", async (t) => {
  const world = new World(t);
  world.open();
  const watch = await world.watched({ lines: [] }), values = told(watch);
  const sent = outcome(watch.send("a", { optimistic: () => ({ lines: ["a"] }) }));
  const { id } = world.socket.one();
  world.socket.tell({ t: "end", s: "room", k: KEY, ver: 6, why: "removed" }, { t: "err", id, code: "not_found" });
  await world.pass(100);
  assert.equal(sent.is, "not_found");
  assert.deepEqual([values.at(-1), watch.end.why], [undefined, "removed"]);
});

test("what is not watched, or not there yet, is not guessed at", async (t) => {
  const world = new World(t);
  const live = world.open();
  let asked = 0;
  live.send("room", OTHER, 1, { optimistic: () => asked++ });
  const watch = live.watch("room", KEY);
  watch.send(1, { optimistic: () => asked++ });
  assert.equal(asked, 0);
  assert.deepEqual(world.socket.take().map(({ t }) => t), ["cmd", "sub", "cmd"]);
});
