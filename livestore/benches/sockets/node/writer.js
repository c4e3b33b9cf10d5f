// What is served, and who writes it as he is told to: the same as `room.rs` and `serve.rs`.

import { createServer } from "node:net";
import { readFileSync } from "node:fs";

const [, , , roleCount, kind, size] = process.argv;
const bytes = Number(size);
const letters = "abcdefghijklmnopqrstuvwxyz".repeat(400);

export const roles = Number(roleCount);
export const keys = JSON.parse(readFileSync(0, "utf8"));

const stamp = (due, number) =>
  "@" + due.toString(16).padStart(16, "0") + number.toString(16).padStart(8, "0");

const first = () => ({ now: { at: stamp(0n, 0), text: "" } });

const bare = JSON.stringify(first()).length;

const text = (number) => {
  if (kind !== "small") return "";
  const turn = number % 26;
  return letters.slice(turn, turn + Math.max(0, bytes - bare));
};

function room() {
  const room = first();
  room.now.text = text(0);
  if (kind === "room") {
    room.notes = [];
    while (JSON.stringify(room).length < bytes) {
      const id = room.notes.length;
      room.notes.push({
        id: id + 1000,
        by: `somebody called ${id % 17}`,
        text: `what was written down here as number ${id}`,
      });
    }
  }
  return room;
}

const rooms = new Map(keys.map((key) => [key, room()]));

/** What a role is told of a key. */
export function told(key, role) {
  const room = rooms.get(key);
  return { k: key, v: roles === 1 ? room : { role, ...room } };
}

/** Writes when it is told to, and says where it listens. `tell` is called for each key that was written. */
export function serve(port, tell) {
  let number = 0;
  const write = (at, due) => {
    number += 1;
    const key = keys[at % keys.length];
    rooms.get(key).now = { at: stamp(due, number), text: text(number) };
    tell(key);
  };
  const pace = (count, nanos) => {
    const begin = process.hrtime.bigint() + 2_000_000n;
    let done = 0;
    const step = () => {
      while (done < count) {
        const due = begin + BigInt(done) * nanos;
        if (process.hrtime.bigint() < due) return void setTimeout(step, 1);
        write(done, due);
        done += 1;
      }
    };
    step();
  };
  const control = createServer((stream) => {
    stream.setNoDelay(true);
    stream.on("error", () => process.exit());
    stream.on("close", () => process.exit());
    let rest = "";
    stream.on("data", (data) => {
      const lines = (rest + data).split("\n");
      rest = lines.pop();
      for (const line of lines) {
        const [what, count, nanos] = line.split(" ");
        if (what === "pace") pace(Number(count), BigInt(nanos));
        else {
          const due = process.hrtime.bigint();
          keys.forEach((_, at) => write(at, due));
        }
      }
    });
  });
  control.listen(0, "127.0.0.1", () => console.log(`${port} ${control.address().port}`));
}
