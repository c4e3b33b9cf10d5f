// A page of a server whose types are in `api.ts`, made from the server's own.

import { connect, LiveError, type Here, type Immutable, type Live, type Watch } from "livestore-client";
import type { Ask, RoomIn, RoomView } from "./api.js";

interface MyApi {
  stores: {
    room: { view: RoomView; command: RoomIn; message: { wave: string }; publish: string };
    "room@here": { view: Here<{ name: string }> };
  };
  calls: { ask: { argument: Ask; answer: number[] }; now: { answer: number } };
  event: { kicked: string };
}

type Is<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;
const is = <A, B>(_: Is<A, B>) => {};

export async function page() {
  const live: Live<MyApi> = connect<MyApi>("/live", { token: async () => "t", bigint: true });
  const room: Watch<RoomView, RoomIn, { wave: string }, string> = live.watch("room", "k");

  room.subscribe((value) => {
    is<typeof value, Immutable<RoomView> | undefined>(true);
    const first = value?.lines[0];
    const topic: string | null | undefined = value?.topic;
    const at: number | bigint | undefined = first?.at;
    const place: readonly [number, number] | undefined = value?.players["p"]?.at;
    // @ts-expect-error: a value is not changed
    if (value) value.topic = "x";
    // @ts-expect-error: nor is what is in it
    value?.lines.push({ text: "x", at: 1 });
    // @ts-expect-error: there is no such field
    value?.nothing;
    return [topic, at, place];
  });
  const leave: () => void = room.messages((message, version) => is<[typeof message, typeof version], [{ wave: string }, number]>(true), (missed) => is<typeof missed, number>(true));
  leave();

  const version: number = await room.send({ say: "hello" }, {
    if: room.version,
    optimistic: (value) => ({ ...value, lines: [...value.lines, { text: "hello", at: 0 }] }),
  });
  await live.send("room", "k", { move: { x: 1, y: version } });
  await live.send("room", "k", "leave");
  // @ts-expect-error: there is no such command
  await room.send({ shout: "hello" });
  // @ts-expect-error: nor such an argument
  await room.send({ say: 7 });
  // @ts-expect-error: an optimistic value is a value
  await room.send("leave", { optimistic: (value) => ({ ...value, lines: [1] }) });
  // @ts-expect-error: there is no such store
  live.watch("rooms", "k");
  // @ts-expect-error: a key is a text
  live.watch("room", 7);

  const here = live.watch("room@here", "k");
  // @ts-expect-error: nothing can be asked of it
  await here.send({});
  const name: string | undefined = here.value?.people["ann"]?.name;
  const { count, partial }: { readonly count: number; readonly partial?: true } = await here.ready;

  const answer = await live.call("ask", { rooms: 3 });
  is<typeof answer, readonly number[]>(true);
  const now: number = await live.call("now");
  // @ts-expect-error: it needs an argument
  await live.call("ask");
  // @ts-expect-error: of this type
  await live.call("ask", { rooms: "3" });
  // @ts-expect-error: there is no such call
  await live.call("tell");

  const sent: boolean = room.publish("hi");
  const done: Promise<void> = room.publish("hi", { confirm: true });
  // @ts-expect-error: that is no message
  live.publish("room", "k", { wave: "hi" });

  const read = await live.get("room", "k");
  is<typeof read, { value: Immutable<RoomView>; version: number }>(true);
  live.events((event) => is<typeof event, { kicked: string }>(true));

  const state: "connecting" | "open" | "waiting" | "closed" = live.state.value;
  const code: number | undefined = live.closed?.code;
  const why: string | undefined = room.end?.why;
  try {
    await done;
  } catch (error) {
    if (error instanceof LiveError && error.code == "conflict") is<typeof error.version, number | undefined>(true);
  }
  live.retry();
  room.close();
  live.close();
  return [name, count, partial, now, sent, state, code, why];
}

/** Whoever says nothing of the types may do anything. */
export async function loose() {
  const live = connect(new URL("https://example.com/live"));
  const room = live.watch("anything", "k");
  room.subscribe((value) => value?.anything.at.all);
  await room.send({ say: 1 }, { optimistic: (value) => ({ ...value, x: 1 }) });
  const { answer } = await live.call("f", 1);
  live.publish("anything", "k", answer);
}

// What frameworks ask for.
type Svelte<T> = { subscribe(run: (value: T) => void, invalidate?: () => void): () => void };
declare function useSyncExternalStore<T>(subscribe: (changed: () => void) => () => void, getSnapshot: () => T): T;
export function frameworks(live: Live<MyApi>) {
  const room = live.watch("room", "k");
  const svelte: Svelte<Immutable<RoomView> | undefined> = room;
  const state: Svelte<string> = live.state;
  const react = useSyncExternalStore(room.subscribe, room.getSnapshot);
  is<typeof react, Immutable<RoomView> | undefined>(true);
  return [svelte, state];
}
