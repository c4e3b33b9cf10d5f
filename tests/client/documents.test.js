// Documents: patches, what stays the same object, and whole numbers of any size.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { _decode as decode, _patch as patch, _share as share } from "../../livestore/client/livestore.js";

const read = (path) => readFileSync(new URL(path, import.meta.url), "utf8");
const freeze = (value) => share(undefined, value);
/** A document as it is written: keys in order, whatever they are called, and -0 told from 0. */
const written = (value) =>
  Array.isArray(value)
    ? `[${value.map(written)}]`
    : typeof value == "object" && value !== null
      ? `{${Object.keys(value).sort().map((key) => JSON.stringify(key) + ":" + written(Object.getOwnPropertyDescriptor(value, key).value))}}`
      : Object.is(value, -0) ? "-0" : typeof value == "bigint" ? `${value}` : JSON.stringify(value);
const isFrozen = (value) =>
  typeof value != "object" || value === null || (Object.isFrozen(value) && Object.values(value).every(isFrozen));

test("patches lead from one document to the other", () => {
  let patches = 0, refused = 0;
  for (const bigint of [false, true]) {
    for (const { name, old, patch: operations, new: next } of decode(read("../ws/patches.json"), bigint)) {
      if (!operations) continue;
      const before = freeze(old), as = written(before);
      if (next === undefined) {
        refused++;
        assert.throws(() => patch(before, operations), undefined, name);
        assert.equal(written(before), as, name);
        continue;
      }
      patches++;
      const after = patch(before, operations);
      assert.equal(written(after), written(next), name);
      assert.equal(written(before), as, `${name}: the old one has changed`);
      assert(isFrozen(after), name);
    }
  }
  assert(patches > 150 && refused > 30, `${patches} ${refused}`);
});

test("what does not fit is an error and changes nothing", () => {
  const before = freeze({ a: [1, 2], b: { c: 1 }, d: null });
  for (const operation of [
    [],
    [["x"]],
    [["a", 0]],
    [["a", "0"], 1],
    [["a", 2], 1],
    [["a", -1], 1],
    [["a", 0.5], 1],
    [["b", 0], 1],
    [["b", "c", "d"], 1],
    [["b", "x", "y"], 1],
    [["d", "x"], 1],
    [["toString"]],
    [["__proto__"]],
    [["__proto__", "x"], 1],
    [["constructor", "name"], 1],
    [["a"], 1, 2, []],
    [["a"], -1, 1, []],
    [["a"], 0.5, 1, []],
    [["a"], 0, "1", []],
    [["a"], 0, 1, {}],
    [["a"], 0, 1, 5],
    [["b"], 0, 0, []],
    ["a", 1],
    [[], 0, 0, []],
    [[]],
    [null, 1],
    [["a", "length"], 0],
    [["a"], 0, 0, [], 1],
    [["d"], 1, 2],
    [["d"], 1, []],
    null,
    7,
  ]) {
    assert.throws(() => patch(before, [operation]), undefined, JSON.stringify(operation));
  }
  for (const operations of [null, 7, {}, [[["a", 0], 9], [["x"]]]]) assert.throws(() => patch(before, operations));
  assert.deepEqual(before, { a: [1, 2], b: { c: 1 }, d: null });
});

test("a key is a key, whatever it is called", () => {
  const old = freeze(JSON.parse('{"__proto__":{"x":1},"constructor":2,"a":1}'));
  const next = patch(old, JSON.parse('[[["__proto__","x"],2],[["constructor"]],[["toString"],3],[["a"],{"__proto__":5}]]'));
  assert.equal(written(next), written(JSON.parse('{"__proto__":{"x":2},"toString":3,"a":{"__proto__":5}}')));
  assert.equal(Object.getPrototypeOf(next), Object.prototype);
  assert.equal({}.x, undefined);
  const gone = patch(next, [[["__proto__"]], [["a", "__proto__"]]]);
  assert.equal(written(gone), '{"a":{},"toString":3}');
  // Nor does the whole.
  const whole = share(old, JSON.parse('{"__proto__":{"x":1},"a":2}'));
  assert.equal(written(whole), written(JSON.parse('{"__proto__":{"x":1},"a":2}')));
  assert.equal(Object.getOwnPropertyDescriptor(whole, "__proto__").value, Object.getOwnPropertyDescriptor(old, "__proto__").value);
});

test("what a patch does not touch stays the same object", () => {
  const old = freeze({ a: { b: [{ n: 1 }, { n: 2 }] }, c: { d: {} } });
  const next = patch(old, [[["a", "b", 1, "n"], 3]]);
  assert.notEqual(next.a.b, old.a.b);
  assert.equal(next.a.b[0], old.a.b[0]);
  assert.equal(next.c, old.c);
  // Nor does what is said again.
  assert.equal(patch(old, [[["a"], { b: [{ n: 1 }, { n: 2 }] }]]), old);
  assert.equal(patch(old, []), old);
  const moved = patch(old, [[["a", "b"], 0, 1, []], [["a", "b"], 1, 0, [{ n: 9 }]]]);
  assert.equal(moved.a.b[0], old.a.b[1]);
});

test("what a whole says again stays the same object", () => {
  const line = (n) => ({ n, text: `line ${n}` });
  const old = freeze({ lines: [1, 2, 3, 4].map(line), by: { a: line(1), b: line(2) } });
  const again = () => JSON.parse(JSON.stringify(old));
  assert.equal(share(old, again()), old);
  const other = share(old, { ...again(), by: { a: line(1), b: line(3) } });
  assert.equal(other.lines, old.lines);
  assert.equal(other.by.a, old.by.a);
  assert.deepEqual(other.by.b, line(3));
  // A list from which something went, to which something came, and that was put in another order.
  for (const [numbers, kept] of [
    [[2, 3, 4, 5], 3],
    [[0, 1, 2, 3, 4], 4],
    [[1, 2, 4], 3],
    [[1, 9, 3, 4], 3],
    [[4, 3, 2, 1], 4],
    [[9, 3, 8, 2], 2],
    [[], 0],
  ]) {
    const { lines } = share(old, { ...again(), lines: numbers.map(line) });
    assert.deepEqual(lines, numbers.map(line));
    assert.equal(lines.filter((item) => old.lines.includes(item)).length, kept, `${numbers}`);
  }
  assert(isFrozen(other));
});

test("kinds are told apart", () => {
  for (const [old, next] of [[{}, []], [[], {}], [{ 0: 1 }, [1]], [null, {}], [{}, null], [0, -0], [1, "1"], [[1], [1, 2]], [{ a: 1 }, {}]]) {
    assert.equal(written(share(freeze(old), next)), written(next));
    assert.equal(written(share(freeze({ x: old }), { x: next })), written({ x: next }));
  }
});

test("whatever changes, the whole is what it says", () => {
  let seed = 7;
  const below = (n) => (seed = (seed * 48_271) % 2_147_483_647) % n;
  const any = (depth) => {
    const kind = below(depth ? 6 : 4);
    if (kind == 0) return below(3);
    if (kind == 1) return ["", "a", "__proto__"][below(3)];
    if (kind < 4) return kind == 2 ? null : below(2) == 0;
    if (kind == 4) return Array.from({ length: below(5) }, () => any(depth - 1));
    return Object.fromEntries(Array.from({ length: below(4) }, () => [["a", "b", "__proto__", "0"][below(4)], any(depth - 1)]));
  };
  for (let round = 0; round < 3000; round++) {
    const old = freeze(any(4)), next = any(4), as = written(next), was = written(old);
    const shared = share(old, next);
    assert.equal(written(shared), as);
    assert.equal(written(old), was);
    assert(isFrozen(shared));
    assert.equal(Object.is(shared, old), as == was, `${was} ${as}`);
  }
});

test("whole numbers of any size, where that is asked for", () => {
  const text = '{"9007199254740993":[9007199254740993,-170141183460469231731687303715884105728,9007199254740991,1e300,12345678901234567.5],"s":"9007199254740993 \\" \\\\","t":[0,-0,"\\\\"]}';
  const value = decode(text, true);
  assert.deepEqual(value, {
    "9007199254740993": [9007199254740993n, -170141183460469231731687303715884105728n, 9007199254740991, 1e300, 12345678901234568],
    s: '9007199254740993 " \\',
    t: [0, -0, "\\"],
  });
  assert.deepEqual(decode(text, false)["9007199254740993"][0], 9007199254740992);
  assert.equal(share(value, decode(text, true)), value);
  for (const broken of ["9007199254740993,", '{"a":9007199254740993', "[9007199254740993 9]", '"9007199254740993']) {
    assert.throws(() => decode(broken, true), SyntaxError);
  }
});
