// Has the examples `board`, `chat` and `dashboard` at work for MINUTES, and ends with 1 if anything was found wrong.

import { Board } from "./board.js";
import { Chat } from "./chat.js";
import { Dashboard } from "./dashboard.js";
import { fault, verdict } from "./faults.js";
import { Gauge } from "./gauge.js";
import { Server } from "./server.js";
import { sleep } from "./time.js";

const minutes = Number(process.argv[2] ?? 30);
if (!(minutes > 0)) throw new TypeError("MINUTES is a number");
const length = minutes * 60_000;
/** A server is killed every three minutes, in a short run more often. */
const KILLS = Math.min(180_000, length / 4);

for (const signal of ["SIGINT", "SIGTERM"]) process.on(signal, () => process.exit(1));
process.on("unhandledRejection", (error) => fault("something was not expected", error?.stack ?? error));

// A board that is killed, and one that lives as long as the soak: what grows is seen in the second.
const killed = Object.assign(new Server("killed", "board"), { isKilled: true });
const servers = [killed, new Server("board", "board"), new Server("chat", "chat"), new Server("dashboard", "dashboard")];
for (const server of servers) await server.start();
// The connections that have asked for the pages are gone.
await sleep(1_000);
const gauge = new Gauge(servers, Math.min(10_000, length / 25));
const victim = new Board(killed), others = [new Board(servers[1]), new Chat(servers[2]), new Dashboard(servers[3])];
const crowds = [victim, ...others];
const began = Date.now(), end = began + length;
for (const crowd of crowds) await crowd.open();

for (let kills = 1; ; kills++) {
  await sleep(Math.min(began + kills * KILLS, end) - Date.now());
  if (Date.now() >= end - KILLS / 2) break;
  await Promise.all([victim.kill(), ...others.map((crowd) => crowd.look())]);
  console.log(`${((Date.now() - began) / 1000) | 0} s: ${kills} kills`);
}
await sleep(end - Date.now());
gauge.stop();
await Promise.all(crowds.map((crowd) => crowd.close()));
await gauge.settle();
for (const crowd of crowds) crowd.strangers.leave();
gauge.print();
gauge.compare();
process.exit(verdict() ? 1 : 0);
