// What the README says of frameworks, carried out with as much of each as it needs.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { KEY, OTHER, World, settle } from "./world.js";

const readme = readFileSync(new URL("../../livestore/client/README.md", import.meta.url), "utf8");
/** A function that the README defines, given what it takes from elsewhere. */
const written = (language, given) => {
  const blocks = readme.split("\n```").filter((_, at) => at % 2);
  const code = blocks.find((block) => block.startsWith(`${language}\n`) && block.includes("function useWatch"))?.slice(language.length);
  assert(code, language);
  return new Function(...Object.keys(given), `${code}; return useWatch;`)(...Object.values(given));
};
const upd = (from, ver, n, k = KEY) => ({ t: "upd", s: "room", k, r: "a", from, ver, p: [[["n"], n]] });

/** As much of React as renders one component. In its strict mode, effects are carried out twice. */
class React {
  #hooks = [];
  #at = 0;
  #effects = [];
  shown = [];
  hooks = {
    useRef: () => this.#hook(() => ({ current: undefined })),
    useCallback: (callback, deps) => {
      const held = this.#hook(() => ({ callback, deps }));
      if (held.deps.some((dep, at) => !Object.is(dep, deps[at]))) Object.assign(held, { callback, deps });
      return held.callback;
    },
    useSyncExternalStore: (subscribe, getSnapshot) => {
      const held = this.#hook(() => ({}));
      const value = getSnapshot();
      assert(Object.is(value, getSnapshot()), "a snapshot stays the same");
      this.#effects.push(() => {
        if (held.subscribe === subscribe) return;
        held.leave?.();
        held.subscribe = subscribe;
        const changed = () => !Object.is(held.value, getSnapshot()) && this.render();
        held.value = value;
        subscribe(changed)();
        held.leave = subscribe(changed);
        changed();
      });
      held.value = value;
      return value;
    },
  };
  #hook(make) {
    return (this.#hooks[this.#at++] ??= make());
  }
  render(component = this.component) {
    this.component = component;
    this.#at = 0;
    this.#effects = [];
    this.shown.push(component());
    for (const effect of this.#effects) effect();
  }
  unmount() {
    for (const { leave } of this.#hooks) leave?.();
  }
}

test("React", async (t) => {
  const world = new World(t);
  const live = world.open(), react = new React();
  const useWatch = written("jsx", { live, ...react.hooks });
  react.render(() => useWatch("room", KEY)?.n);
  await settle();
  const sub = world.socket.one();
  assert.deepEqual(sub.keys, [{ k: KEY }]);
  world.socket.tell({ t: "ok", id: sub.id, subs: [{ k: KEY }] }, { t: "snap", s: "room", k: KEY, r: "a", ver: 1, v: { n: 1 } }, upd(1, 2, 2));
  assert.deepEqual(react.shown, [undefined, 1, 2]);
  // Another key: what was shown of the first is not shown as the second's.
  react.render(() => useWatch("room", OTHER)?.n);
  await settle();
  assert.equal(react.shown.at(-1), undefined);
  assert.deepEqual(world.socket.take().map(({ t, keys }) => [t, keys]), [["unsub", [{ k: KEY }]], ["sub", [{ k: OTHER }]]]);
  // The same key of another store, and in capital letters.
  const tell = (s, n) => {
    const { id, keys } = world.socket.take().at(-1);
    world.socket.tell({ t: "ok", id, subs: keys }, { t: "snap", s, k: OTHER, r: "a", ver: 1, v: { n } });
  };
  world.socket.tell({ t: "ok", id: 4, subs: [{ k: OTHER }] }, { t: "snap", s: "room", k: OTHER, r: "a", ver: 1, v: { n: 5 } });
  assert.equal(react.shown.at(-1), 5);
  react.shown.length = 0;
  react.render(() => useWatch("notes", OTHER.toUpperCase())?.n);
  await settle();
  tell("notes", 6);
  assert.deepEqual(react.shown, [undefined, 6]);
  react.unmount();
  await settle();
  assert.deepEqual(world.socket.one().keys, [{ k: OTHER }]);
});

test("Vue", async (t) => {
  const world = new World(t);
  const live = world.open(), disposed = [];
  const useWatch = written("js", { live, shallowRef: (value) => ({ value }), onScopeDispose: (dispose) => disposed.push(dispose) });
  const value = useWatch("room", KEY);
  await settle();
  world.socket.tell({ t: "ok", id: world.socket.one().id, subs: [{ k: KEY }] }, { t: "snap", s: "room", k: KEY, r: "a", ver: 1, v: { n: 1 } });
  assert.deepEqual(value.value, { n: 1 });
  disposed.forEach((dispose) => dispose());
  world.socket.tell(upd(1, 2, 2));
  await settle();
  assert.deepEqual(value.value, { n: 1 });
  assert.equal(world.socket.one().t, "unsub");
});

test("Svelte", async (t) => {
  const world = new World(t);
  const live = world.open();
  // What a component is compiled to: it subscribes, and calls what it is given without an object.
  const { subscribe, close } = live.watch("room", KEY), shown = [];
  const leave = subscribe((value) => shown.push(value), () => {});
  await settle();
  world.socket.tell({ t: "ok", id: world.socket.one().id, subs: [{ k: KEY }] }, { t: "snap", s: "room", k: KEY, r: "a", ver: 1, v: { n: 1 } });
  assert.deepEqual(shown, [undefined, { n: 1 }]);
  leave();
  close();
  await settle();
  assert.equal(world.socket.one().t, "unsub");
});
