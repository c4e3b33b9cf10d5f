// The types: a page is checked against types that were made from a server's, and does not pass when those have changed.

import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { copyFileSync, existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("../..", import.meta.url));
const target = process.env.CARGO_TARGET_DIR ?? join(root, "target");
const program = join(target, "debug/examples/client_types");
/** TypeScript's compiler, if there is one. */
const tsc = [fileURLToPath(new URL("node_modules/.bin/tsc", import.meta.url)), "tsc"].find((path) => spawnSync(path, ["--version"]).status == 0);
const skip = !tsc ? "SKIPPED: npm ci --prefix tests/client" : !existsSync(program) && "SKIPPED: cargo build -p livestore-tests --example client_types";

/** Checks the page against the types of a server. Returns what is wrong with it. */
const check = (t, server) => {
  const folder = mkdtempSync(join(tmpdir(), "types-"));
  t.after(() => rmSync(folder, { recursive: true }));
  const api = execFileSync(program, [server], { encoding: "utf8" });
  writeFileSync(join(folder, "api.ts"), api);
  copyFileSync(join(root, "tests/client/types/page.ts"), join(folder, "page.ts"));
  const compilerOptions = {
    strict: true,
    exactOptionalPropertyTypes: true,
    noUncheckedIndexedAccess: true,
    noEmit: true,
    target: "es2022",
    lib: ["es2022", "dom"],
    module: "nodenext",
    types: [],
    paths: { "livestore-client": [join(root, "livestore/client/livestore.d.ts")] },
  };
  writeFileSync(join(folder, "tsconfig.json"), JSON.stringify({ compilerOptions, files: ["page.ts"] }));
  writeFileSync(join(folder, "package.json"), '{ "type": "module" }');
  const { status, stdout } = spawnSync(tsc, ["-p", folder], { encoding: "utf8" });
  assert.equal(status == 0, stdout == "", stdout);
  return stdout;
};

test("a page that fits its server passes", { skip }, (t) => {
  assert.equal(check(t, "now"), "");
});

test("one whose server has changed does not", { skip }, (t) => {
  const wrong = check(t, "later");
  assert.match(wrong, /'topic' does not exist/);
  assert.match(wrong, /'players' does not exist/);
  assert.match(wrong, /move/);
});
