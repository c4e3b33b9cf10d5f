// Somebody who is connected by the client that the library has for browsers.

import { randomUUID } from "node:crypto";
import { isDeepStrictEqual } from "node:util";
import { connect } from "../../livestore/client/livestore.js";
import { sockets } from "../client/socket.js";
import { fault } from "./faults.js";
import { sleep, until } from "./time.js";

const hex = (name) => Buffer.from(name).toString("hex");
/** How each example is told who somebody is. */
const TOKENS = { board: (secret, name) => `${secret}.${hex(name)}`, chat: (secret, name) => `${secret}_${hex(name)}`, dashboard: () => undefined };
/** One of somebody new. */
export const tokenOf = (server, name) => TOKENS[server.example](randomUUID(), name);

export class Person {
  #Socket;
  watched = [];
  constructor(server, name = "somebody", token = tokenOf(server, name)) {
    Object.assign(this, { server, name, token });
    // A browser says where its page comes from.
    this.#Socket = sockets({ origin: server.url });
    // It is asked for before each attempt.
    const dial = () => (server.dialled++, token);
    this.live = connect(`${server.url}/live`, { token: dial, WebSocket: this.#Socket });
  }
  /** Somebody else's window, or one more of his own. */
  again = () => new Person(this.server, this.name, this.token);
  watch(store, key) {
    const watch = this.live.watch(store, key);
    watch.ready.catch(() => {});
    this.watched.push(watch);
    return watch;
  }
  unwatch(watch) {
    watch.close();
    this.watched = this.watched.filter((other) => other != watch);
  }
  /** The connection breaks. The client comes back by itself, and resumes. */
  cut() {
    for (const socket of [...this.#Socket.all]) socket.kill();
  }
  /** Reads nothing for a while. */
  async stall(ms) {
    const held = [...this.#Socket.all];
    for (const socket of held) socket.pause();
    await sleep(ms);
    for (const socket of held) socket.resume();
  }
  /** Goes for good: says so, or is gone. */
  leave(isClean = true) {
    if (!isClean) this.cut();
    this.live.close();
  }

  /**
   * Looks whether every value that he has is what a fresh connection of the same user is told. Where nothing moves, they come to
   * the same; where it does, they are the same whenever their versions are.
   */
  async agrees({ moves = false, patience = 30_000 } = {}) {
    const fresh = this.again();
    await Promise.all(this.watched.map(async (mine) => {
      const theirs = fresh.watch(mine.store, mine.key);
      const isOver = () => mine.end || theirs.end, isEqual = () => isDeepStrictEqual(mine.value, theirs.value);
      const isSame = () => mine.value !== undefined && (moves ? mine.version == theirs.version : isEqual());
      const came = await until(() => isOver() || isSame(), patience);
      const says = `${this.server.name}: the ${mine.store} that somebody has watched for long`;
      const details = `${this.name}, key ${mine.key}, version ${mine.version}, a fresh connection ${theirs.version}: ${differ(mine.value, theirs.value)}`;
      if (isOver()) {
        if (!moves && mine.end?.why != theirs.end?.why) fault(`${says} has ended otherwise than for a fresh connection`, `${mine.end?.why}, ${theirs.end?.why}`);
      } else if (!came) fault(`${says} does not come to what a fresh connection has`, details);
      else if (!isEqual()) fault(`${says} is another value, of the same version, than a fresh connection has`, details);
    }));
    fresh.leave();
  }
}

/** Where two values part, in a few words. */
const differ = (mine, theirs) => {
  const [one, other] = [mine, theirs].map((value) => JSON.stringify(value) ?? "nothing");
  let at = 0;
  while (at < one.length && one[at] == other[at]) at++;
  const part = (text) => text.slice(Math.max(0, at - 40), at + 80);
  return `…${part(one)}… is not …${part(other)}…`;
};

/** Who is shown to be there, as the cards say it. */
export const idsHere = (here, id) => Object.values(here.value?.people ?? {}).map((card) => card[id]).sort();

/** Looks whether exactly those are shown to be there, once the grace is over for whoever has gone. */
export const areHere = async (what, here, id, expected, patience = 60_000) => {
  const ids = [...expected].sort();
  const isRight = () => here.value?.count == ids.length && !here.value.partial && isDeepStrictEqual(idsHere(here, id), ids);
  if (await until(isRight, patience)) return;
  const shown = idsHere(here, id), missing = ids.filter((one) => !shown.includes(one)), extra = shown.filter((one) => !ids.includes(one));
  fault(`${what}: those who are shown to be there are not those who are`, `${here.value?.count} and not ${ids.length}; missing ${missing}; too many ${extra}; ${JSON.stringify(here.value)?.slice(0, 300)}`);
};
