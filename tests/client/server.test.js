// Against a real server: what it tells of changes is understood, and whatever breaks, in the end a watch has what a fresh read gives.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { connect, _decode as decode, _patch as patch, _share as share } from "../../livestore/client/livestore.js";
import { sockets } from "./socket.js";

const target = process.env.CARGO_TARGET_DIR ?? fileURLToPath(new URL("../../target", import.meta.url));
const program = `${target}/debug/examples/client_server`;
const isBuilt = existsSync(program);
assert(isBuilt || !process.env.CI, `there is no ${program}`);
const skip = !isBuilt && "SKIPPED: cargo build -p livestore-tests --example client_server";

const KEYS = [1, 2, 3].map((n) => `00000000-0000-0000-0000-00000000000${n}`);
const USERS = ["ann", "ben", "cid"];

const pause = (ms) => new Promise((done) => setTimeout(done, ms));

/** Waits until something is so. */
const until = async (isSo) => {
  for (const end = Date.now() + 10_000; !isSo(); await pause(5)) assert(Date.now() < end, `${isSo}`);
};

/** As it is written: keys in order, whatever they are called, numbers exactly. */
const written = (value) =>
  Array.isArray(value)
    ? `[${value.map(written)}]`
    : typeof value == "object" && value !== null
      ? `{${Object.keys(value).sort().map((key) => JSON.stringify(key) + ":" + written(Object.getOwnPropertyDescriptor(value, key).value))}}`
      : Object.is(value, -0) ? "-0" : typeof value == "bigint" ? `${value}n` : JSON.stringify(value);

/** Decisions that can be made again. */
const dice = (seed) => (below) => (seed = (seed * 48_271) % 2_147_483_647) % below;

class Server {
  async start(port = "0", seed = "5") {
    this.process = spawn(program, ["serve", port, seed], { stdio: ["ignore", "pipe", "inherit"] });
    for await (const line of createInterface({ input: this.process.stdout })) {
      this.port = line;
      this.started = this.process.pid;
      return this;
    }
    throw new Error("the server has ended");
  }
  async kill() {
    const ended = once(this.process, "exit");
    this.process.kill("SIGKILL");
    await ended;
  }
  get url() {
    return `http://127.0.0.1:${this.port}/live`;
  }
}

test("what is told of random changes leads to what became of them", { skip }, async () => {
  const { stdout } = spawn(program, ["patches", "1", "1000"], { stdio: ["ignore", "pipe", "inherit"] });
  let patches = 0, wholes = 0;
  for await (const line of createInterface({ input: stdout })) {
    const { old, told, new: next } = decode(line, true);
    const before = share(undefined, old), as = written(before);
    const after = told.p ? patch(before, told.p) : share(before, told.v);
    assert.equal(written(after), written(next), line);
    assert.equal(written(before), as);
    told.p ? patches++ : wholes++;
  }
  assert(patches > 500 && wholes > 10, `${patches} ${wholes}`);
});

test("the server hands the client out", { skip }, async (t) => {
  const server = await new Server().start();
  t.after(() => server.kill());
  const get = (headers, method = "GET") => fetch(`${server.url}.js`, { headers, method });
  const answer = await get();
  assert.equal(answer.status, 200);
  assert.equal(answer.headers.get("content-type"), "text/javascript; charset=utf-8");
  assert.equal(answer.headers.get("cache-control"), "no-cache");
  const text = await answer.text();
  assert.equal(text, readFileSync(new URL("../../livestore/client/livestore.js", import.meta.url), "utf8"));
  const other = await import(`data:text/javascript,${encodeURIComponent(text)}`);
  assert.equal(typeof other.connect, "function");
  const again = await get({ "if-none-match": answer.headers.get("etag") });
  assert.deepEqual([again.status, await again.text(), again.headers.get("etag")], [304, "", answer.headers.get("etag")]);
  assert.equal((await get({ "if-none-match": '"0"' })).status, 200);
  const head = await get({}, "HEAD");
  assert.deepEqual([head.status, await head.text()], [200, ""]);
  assert.equal((await get({}, "POST")).status, 405);
});

test("who is not known is sent away for good", { skip }, async (t) => {
  const server = await new Server().start();
  t.after(() => server.kill());
  const live = connect(server.url, { WebSocket: sockets() });
  await until(() => live.state.value == "closed");
  assert.equal(live.closed.code, 4401);
});

test("commands, messages, reads and calls", { skip }, async (t) => {
  const server = await new Server().start();
  const options = (token) => ({ token, WebSocket: sockets(), bigint: true });
  const [ann, ben] = [connect(server.url, options("ann")), connect(server.url, options("ben"))];
  t.after(() => (ann.close(), ben.close(), server.kill()));
  const watch = [];
  let key;
  for (key of KEYS) {
    const both = [ann, ben].map((live) => live.watch("doc", key));
    const ready = await Promise.all(both.map(({ ready }) => ready)).catch(() => undefined);
    if (ready && Array.isArray(ready[0].body?.lines)) {
      watch.push(...both);
      break;
    }
  }
  assert.equal(watch.length, 2, "one that both see");
  const seen = [];
  watch[0].subscribe((value) => seen.push(value.body.lines.length));
  const push = (line) => (value) => ({ ...value, body: { ...value.body, lines: [...value.body.lines, line] } });
  const before = watch[0].value.body.lines.length;
  const versions = await Promise.all(["a", "b", "c"].map((line) => watch[0].send(line, { optimistic: push(line) })));
  assert.deepEqual(versions, [0, 1, 2].map((n) => versions[0] + n));
  assert.equal(watch[0].version, versions[2]);
  assert.deepEqual(watch[0].value.body.lines.slice(-3), ["a", "b", "c"]);
  // None was shown twice, and none went in between.
  assert.deepEqual(seen, [0, 1, 2, 3].map((n) => before + n));
  await assert.rejects(watch[1].send("no"), { code: "rejected", reason: "no" });
  await assert.rejects(watch[1].send("x", { if: 1 }), { code: "conflict", version: versions[2] });
  await assert.rejects(ben.send("doc", KEYS[0].replace("1", "9"), "x"), { code: "not_found" });
  await assert.rejects(ben.call("nothing"), { code: "not_found" });
  await assert.rejects(ben.watch("nothing", key).ready, { code: "bad_request" });
  const heard = new Promise((resolve) => watch[1].messages((...told) => resolve(told)));
  await watch[0].publish("hello", { confirm: true });
  assert.deepEqual(await heard, ["hello", versions[2]]);
  const { value, version } = await ben.get("doc", key);
  assert.equal(written(value), written(watch[1].value));
  assert.equal(version, versions[2]);
});

test("a server that restarts in order costs nobody anything", { skip }, async (t) => {
  const server = await new Server().start("0", "7");
  const live = connect(server.url, { token: "ann", WebSocket: sockets(), bigint: true });
  t.after(() => (live.close(), server.kill()));
  const watches = KEYS.map((key) => live.watch("doc", key));
  const seen = await Promise.all(watches.map(({ ready }) => ready.then(() => true, () => false)));
  const [watch] = watches.filter((_, at) => seen[at]), values = [];
  watch.subscribe((value) => values.push(value));
  const before = watch.value;
  const ended = once(server.process, "exit");
  await live.call("down").catch(({ code }) => assert.equal(code, "unknown"));
  await ended;
  assert.notEqual(live.state.value, "open");
  await server.start(server.port, "7");
  await until(() => live.state.value == "open");
  const { value, version } = await live.get("doc", watch.key);
  // It makes the same documents again, so nothing has changed.
  await until(() => watch.version == version);
  assert.equal(written(watch.value), written(value));
  assert.deepEqual([values.length, watch.value === before, watch.end], [1, true, undefined]);
});

test("whatever breaks, in the end one has what there is", { skip }, async (t) => {
  const seed = Number(process.env.SEED ?? 1), roll = dice(1000 + seed);
  const server = await new Server().start();
  t.after(() => server.kill());
  // Connections are to come back soon.
  const { random } = Math;
  Math.random = () => random() * 0.05;
  t.after(() => (Math.random = random));

  let isLossy = true;
  const counts = { patch: 0, whole: 0, snap: 0, same: 0, end: 0, gap: 0, twice: 0, kill: 0, restart: 0, seen: 0 };
  const counting = (fresh) => {
    const Socket = sockets();
    return class extends Socket {
      static all = Socket.all;
      set onmessage(listener) {
        super.onmessage = undefined;
        Object.defineProperty(this, "onmessage", {
          value: (event) => {
            const { t, p, k, subs } = JSON.parse(event.data);
            if (t == "snap") fresh.add(k);
            // Now and then a frame is lost, as if the server had a fault: the next one is to show it.
            const fault = t == "upd" && isLossy ? roll(60) : undefined;
            if (fault == 0) return void counts.gap++;
            if (t == "upd") p ? counts.patch++ : counts.whole++;
            else if (t in counts) counts[t]++;
            counts.same += subs?.filter(({ same }) => same).length ?? 0;
            listener(event);
            // Nor is one that comes twice to do anything.
            if (fault == 1) listener(event), counts.twice++;
          },
        });
      }
    };
  };
  const clients = USERS.map((user) => {
    // The keys of which something was told since the server was started, and what was seen of each at each version.
    const fresh = new Set(), WebSocket = counting(fresh);
    const live = connect(server.url, { token: user, WebSocket, bigint: true });
    return { user, WebSocket, live, fresh, watches: new Map(), seen: new Map(KEYS.map((key) => [key, new Map()])) };
  });
  /** Watches a key, and keeps what is seen. The third client sees changes before they are made, which have no version. */
  const watch = ({ live, watches, seen, fresh, user }, key) => {
    const watch = live.watch("doc", key);
    watches.set(key, watch);
    watch.subscribe((value) => {
      if (user != "cid" && value && fresh.has(key)) seen.get(key).set(watch.version, value);
    });
    return watch;
  };
  /** Reads a key, to be compared with what is seen at that version, maybe later. */
  const read = async (at, key) => {
    const { seen, fresh, watches } = clients[at], { started } = server;
    const { value, version } = await readers[at].get("doc", key).catch(() => ({}));
    if (!value || at == 2 || started != server.started) return;
    reads.push({ values: seen.get(key), version, value });
    const watch = watches.get(key);
    if (fresh.has(key) && watch?.version == version && watch.value) seen.get(key).set(version, watch.value);
  };
  let reads = [];
  const check = () => {
    for (const { values, version, value } of reads) {
      if (!values.has(version)) continue;
      counts.seen++;
      assert.equal(written(values.get(version)), written(value), `seed ${seed}: at version ${version}`);
    }
    reads = [];
  };
  const readers = USERS.map((token) => connect(server.url, { token, WebSocket: sockets(), bigint: true }));
  t.after(() => [...clients.map(({ live }) => live), ...readers].forEach((live) => live.close()));

  const compare = async () => {
    const end = Date.now() + 10_000;
    for (const [at, client] of clients.entries()) {
      const { live, watches } = client;
      for (const key of KEYS) {
        for (;;) {
          const read = await readers[at].get("doc", key).catch(({ code }) => ({ code }));
          if (!watches.has(key) || watches.get(key).end) {
            watches.get(key)?.close();
            await watch(client, key).ready.catch(() => {});
          }
          const { value, version, end: ended } = watches.get(key);
          if (live.state.value == "open" && read.code == "not_found" && ended) break;
          if (live.state.value == "open" && !read.code && version == read.version) {
            assert.equal(written(value), written(read.value), `seed ${seed}`);
            break;
          }
          // A version that changed nothing of what he sees was not told to him.
          if (live.state.value == "open" && written(value) === written(read.value)) break;
          assert(Date.now() < end, `seed ${seed}: ${live.state.value}, ${version} of ${read.version}, ${read.code}, ${ended?.why}`);
          await pause(2);
        }
      }
    }
  };

  for (let round = 0; round < 40; round++) {
    let stirring = true;
    const stirred = readers[0].call("stir", [seed * 1000 + round, 100]).catch(() => {}).then(() => (stirring = false));
    while (stirring) {
      const at = roll(clients.length), key = KEYS[roll(KEYS.length)];
      const { live, WebSocket, watches, user } = clients[at];
      switch (roll(12)) {
        case 0:
          for (const socket of WebSocket.all) socket.kill(), counts.kill++;
          break;
        case 1:
          watches.get(key)?.close();
          watches.delete(key);
          break;
        case 2:
          if (!watches.has(key)) watch(clients[at], key);
          break;
        case 3:
          live.send("doc", key, `line ${round}`, {
            optimistic: user == "cid" && ((value) => ({ ...value, body: { ...value.body, lines: [...value.body.lines, "mine"] } })),
          }).catch(() => {});
          break;
        case 4:
          live.retry();
          break;
        default:
          await read(at, key);
      }
      await pause(roll(4));
    }
    await stirred;
    isLossy = false;
    await readers[0].call("stir", [seed * 1000 + round + 500, 60]);
    check();
    if (round % 10 == 9) {
      counts.restart++;
      await server.kill();
      for (const { seen, fresh } of clients) fresh.clear(), seen.forEach((values) => values.clear());
      await server.start(server.port, `${seed + round}`);
    } else await compare();
    // Whoever comes back to what he has left.
    for (const socket of clients[round % 3].WebSocket.all) socket.kill();
    await compare();
    isLossy = true;
  }
  t.diagnostic(JSON.stringify(counts));
  for (const [what, count] of Object.entries(counts)) assert(count >= 3, `${what}: ${JSON.stringify(counts)}`);
});
