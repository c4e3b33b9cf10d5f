// A server of an example, as a process that is started, killed, and started again at the same place.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { fault } from "./faults.js";

const target = process.env.CARGO_TARGET_DIR ?? fileURLToPath(new URL("../../target", import.meta.url));
/** How many lines it says where it listens. */
const LINES = { board: 2, chat: 1, dashboard: 2 };
/** The dashboard's devices change so many times a second. */
const RATE = "5000";

export class Server {
  #isToEnd = false;
  /** How many connections were tried. */
  dialled = 0;
  constructor(name, example) {
    Object.assign(this, { name, example });
    this.folder = mkdtempSync(join(tmpdir(), `soak-${name}-`));
    // However the soak ends, nothing is left.
    process.on("exit", () => {
      this.#isToEnd = true;
      this.child?.kill("SIGKILL");
      rmSync(this.folder, { recursive: true, force: true });
    });
  }
  async start() {
    const option = { board: [this.folder], dashboard: [RATE] }[this.example] ?? [];
    this.#isToEnd = false;
    const child = (this.child = spawn(`${target}/release/examples/${this.example}`, [this.port ?? "0", ...option]));
    child.on("exit", (code, signal) => this.#isToEnd || fault(`${this.name}: the server ended by itself, ${signal ?? `with ${code}`}`));
    // It has nothing to say but what is wrong: a panic, or a disk that fails.
    createInterface({ input: child.stderr }).on("line", (line) => fault(`${this.name}: the server wrote to stderr: ${line}`));
    const lines = createInterface({ input: child.stdout });
    let left = LINES[this.example];
    for await (const line of lines) {
      this.url ??= /http:\/\/[\d.:]+/.exec(line)[0];
      this.port ??= new URL(this.url).port;
      if (!--left) break;
    }
    if (left) throw new Error(`${this.name} did not start`);
    // From here on it waits for signals as well, and has all the handles that it has by itself.
    await (await fetch(this.url, { headers: { connection: "close" } })).text();
    return this;
  }
  get pid() {
    return this.child.pid;
  }
  /** As `kill -9` does. */
  async kill() {
    if ((this.child.exitCode ?? this.child.signalCode) != null) return;
    this.#isToEnd = true;
    const ended = once(this.child, "exit");
    this.child.kill("SIGKILL");
    await ended;
  }
}
