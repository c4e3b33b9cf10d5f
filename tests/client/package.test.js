// What is handed out: its size, what is in the package, and that no policy stands in its way.

import assert from "node:assert/strict";
import { readFileSync, realpathSync } from "node:fs";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import * as module from "../../livestore/client/livestore.js";

const path = (name) => fileURLToPath(new URL(`../../livestore/client/${name}`, import.meta.url));
const read = (name) => readFileSync(path(name), "utf8");
const source = read("livestore.js");
/** The code: without comments, which stand on lines of their own, and indentation. */
const code = source.split("\n").map((line) => line.trim()).filter((line) => line && !/^(\/\/|\/\*\*.*\*\/$)/.test(line)).join("\n");

test("it is small", () => {
  const size = (text) => gzipSync(text, { level: 9 }).length;
  // As the README says; with comments it is still less than any picture.
  assert(size(code) <= 6 * 1024, `${size(code)} bytes`);
  assert(size(source) <= 8 * 1024, `${size(source)} bytes`);
});

test("the code is all there is without the comments", async () => {
  assert(!code.includes("/*"));
  const other = await import(`data:text/javascript,${encodeURIComponent(code)}`);
  assert.deepEqual(Object.keys(other), Object.keys(module));
});

test("it needs nothing and evaluates nothing", () => {
  assert(!/\b(import|require|eval|Function|document\.write|innerHTML)\b/.test(code));
});

test("the package has what it says", () => {
  const about = JSON.parse(read("package.json"));
  for (const file of [...about.files, "README.md"]) assert(read(file).length > 100, file);
  assert.equal(realpathSync(path("LICENSE-MIT")), realpathSync(path("../../LICENSE-MIT")));
  assert.equal(realpathSync(path("LICENSE-APACHE")), realpathSync(path("../../LICENSE-APACHE")));
  const manifest = read("../../Cargo.toml");
  assert.equal(about.version, /^version = "(.+)"/m.exec(manifest)[1]);
  assert.equal(about.license, /^license = "(.+)"/m.exec(manifest)[1]);
  assert.equal(about.dependencies, undefined);
});

test("the types name what the module has", () => {
  const types = read("livestore.d.ts");
  const declared = [...types.matchAll(/^export (?:function|class|const) (\w+)/gm)].map(([, name]) => name);
  assert.deepEqual(declared.sort(), ["LiveError", "connect"]);
  for (const name of declared) assert.equal(typeof module[name], "function");
  // All but what is for tests.
  assert.deepEqual(Object.keys(module).filter((name) => !name.startsWith("_")).sort(), declared);
});
