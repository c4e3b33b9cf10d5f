// What servers take of the machine: memory, handles, threads, as a table over time.

import { readFileSync, readdirSync, readlinkSync } from "node:fs";
import { fault } from "./faults.js";
import { until } from "./time.js";

/**
 * So much more there may be in the last fifth of the time than in the second.
 *
 * Memory: a server takes ten to thirty MiB, of which the allocator gives back what it likes; how many texts and connections there
 * are at a time is chance; and what is filled only in minutes, such as what people can take back, takes a MiB or two. What that is
 * for each connection that was made in between is printed. Handles: of those who come and go there are about ten at a time more or
 * fewer. Threads: those for blocking work, which go when they were idle for ten seconds.
 */
const MORE = { rss: (mib) => Math.max(4, mib * 0.1), handles: () => 10, threads: () => 4 };

/** Memory in MiB. A server that is not there takes nothing that can be told. */
const measure = (pid) => {
  try {
    const status = readFileSync(`/proc/${pid}/status`, "utf8"), files = readdirSync(`/proc/${pid}/fd`);
    const number = (name) => +new RegExp(`^${name}:\\s+(\\d+)`, "m").exec(status)?.[1];
    return { rss: number("VmRSS") / 1024, handles: files.length, threads: number("Threads") };
  } catch {
    return { rss: NaN, handles: NaN, threads: NaN };
  }
};

/** How many handles there are, and how many of them are sockets. */
const handles = (pid) => {
  const targets = readdirSync(`/proc/${pid}/fd`).flatMap((file) => {
    try {
      return [readlinkSync(`/proc/${pid}/fd/${file}`)];
    } catch {
      return [];
    }
  });
  const sockets = targets.filter((target) => target.startsWith("socket:")).length;
  return { sockets, others: targets.length - sockets };
};

/** Seconds of a core. */
const used = (pid) => {
  const [user, system] = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ").at(-1).split(" ").slice(11, 13);
  return (+user + +system) / 100;
};

const median = (numbers) => numbers.sort((a, b) => a - b)[numbers.length >> 1];

export class Gauge {
  #rows = [];
  #began = Date.now();
  /** The handles at the start. */
  #first = new Map();
  /** How servers that are killed grow cannot be told, so they are only shown. */
  constructor(servers, every) {
    this.servers = servers;
    for (const server of servers) this.#first.set(server, handles(server.pid));
    this.timer = setInterval(() => this.#sample(), every);
  }
  #sample() {
    this.#rows.push({ at: Date.now() - this.#began, all: [...this.servers.map(({ pid }) => measure(pid)), measure(process.pid)] });
  }
  stop() {
    clearInterval(this.timer);
    const each = [...this.servers, { name: "the clients", pid: process.pid }].map(({ name, pid, isKilled }) => `${name} ${used(pid).toFixed(0)} s${isKilled ? " since it was started last" : ""}`);
    console.log(`of a core, in ${((Date.now() - this.#began) / 1000).toFixed(0)} s: ${each.join(", ")}`);
  }
  print() {
    const names = [...this.servers.map(({ name }) => name), "clients"];
    console.log(`\n${"".padStart(7)}${names.map((name) => name.padStart(26)).join("")}`);
    console.log(`${"s".padStart(7)}${names.map(() => "MiB   handles  threads".padStart(26)).join("")}`);
    for (const { at, all } of this.#rows) {
      const cells = all.map(({ rss, handles, threads }) => [[rss.toFixed(1), 8], [handles, 9], [threads, 9]].map(([number, width]) => String(number).replace("NaN", "–").padStart(width)).join(""));
      console.log(`${(at / 1000).toFixed(0).padStart(7)}${cells.join("")}`);
    }
  }
  /** Looks whether those that live through it take more and more. */
  compare() {
    const fifth = Math.floor(this.#rows.length / 5);
    for (const [at, { name, isKilled, dialled }] of this.servers.entries()) {
      if (isKilled) continue;
      // From the middle of the second fifth to that of the last.
      console.log(`${name}: ${dialled} connections; that ${((MORE.rss(0) * 1024) / (dialled * 0.6)).toFixed(1)} KiB are lost with each would be found`);
      for (const [what, more] of Object.entries(MORE)) {
        const values = this.#rows.map(({ all }) => all[at][what]), early = median(values.slice(fifth, 2 * fifth)), late = median(values.slice(-fifth));
        const says = `${name}: ${what} ${early.toFixed(1)} in the second fifth, ${late.toFixed(1)} in the last`;
        console.log(says);
        if (!(late <= early + more(early))) fault(`${says}: it grows by more than ${more(early).toFixed(1)}`);
      }
    }
  }
  /** All have gone: so have the handles. A dead connection is found within 35 s. */
  async settle() {
    for (const server of this.servers) {
      const first = this.#first.get(server);
      // A store that is kept on disk may have begun a file more, and a log that is made anew has two for a moment.
      const isBack = () => handles(server.pid).sockets == first.sockets && handles(server.pid).others <= first.others + 2;
      const came = await until(isBack, 60_000), { sockets, others } = handles(server.pid);
      console.log(`${server.name}: ${sockets} sockets and ${others} other handles when all have gone, ${first.sockets} and ${first.others} at the start`);
      if (!came) fault(`${server.name}: ${sockets} sockets and ${others} other handles are left, at the start there were ${first.sockets} and ${first.others}`);
    }
  }
}
