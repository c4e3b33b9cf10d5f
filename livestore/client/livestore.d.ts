/**
 * What a server serves, as a page sees it. With types made from the server's, `connect<MyApi>(..)` checks every name, value and
 * command:
 *
 * ```ts
 * interface MyApi {
 *   stores: {
 *     room: { view: RoomView; command: RoomIn; message: Wave; publish: WaveIn };
 *     "room@here": { view: Here<Card> };
 *   };
 *   calls: { ask: { argument: Ask; answer: Answer } };
 *   event: Notice;
 * }
 * ```
 */
export interface Api {
  stores?: {
    [store: string]: {
      /** What is seen of an entry. */
      view: unknown;
      /** What may be asked of it. */
      command?: unknown;
      /** What comes as a message. */
      message?: unknown;
      /** What may be published as one. */
      publish?: unknown;
    };
  };
  calls?: { [name: string]: { argument?: unknown; answer: unknown } };
  /** What comes as an event. */
  event?: unknown;
}

/** What is seen of `<store>@here`: who is there. */
export interface Here<Card> {
  /** How many users there are. */
  count: number;
  /** The cards of the first 200 of them who came, in no order. A name stays the same until the server starts anew. */
  people: Record<string, Card>;
  /** The server has only begun: those who are missing may be on their way back. */
  partial?: true;
}

/** Of a server of which nothing is known. */
export interface AnyApi {
  stores: { [store: string]: { view: any; command: any; message: any; publish: any } };
  calls: { [name: string]: { argument: any; answer: any } };
  event: any;
}

type Part<T, K, Otherwise = never> = K extends keyof T ? T[K] : Otherwise;
type Stores<A> = NonNullable<Part<A, "stores">>;
type Store<A> = keyof Stores<A> & string;
type Calls<A> = NonNullable<Part<A, "calls">>;
type Argument<A, N extends keyof Calls<A>> = Part<Calls<A>[N], "argument", undefined>;
type Of<A, S extends Store<A>, K> = Part<Stores<A>[S], K>;

/** A value that nobody changes: it is frozen, as deep as it goes. */
export type Immutable<T> = T extends object ? { readonly [K in keyof T]: Immutable<T[K]> } : T;

export interface Options {
  /** A bearer token, in the alphabet of base64url, `.` included; or who has it, asked before each attempt to connect. */
  token?: string | (() => string | undefined | Promise<string | undefined>);
  /**
   * Whole numbers beyond 2^53 come as `BigInt`, exactly; others stay numbers. Without, they are rounded, as JavaScript does.
   * A `bigint` in what is sent goes as a number in either case.
   */
  bigint?: boolean;
  /** Another implementation than the global one. */
  WebSocket?: new (url: string, protocols: string[]) => any;
}

/**
 * Connects, and stays connected: after a pause that grows from a quarter of a second to sixteen, at once when the network comes
 * back or the page is shown again, until `close()` or until the server says that it is of no use (close codes 4400 to 4499).
 *
 * `url` is that of the route, as `/live`: relative to the page's own, with `http` or `ws`.
 * Throws a `TypeError` if it is none, or if there is no `WebSocket`.
 */
export function connect<A extends Api = AnyApi>(url: string | URL, options?: Options): Live<A>;

/** The contract of Svelte's stores, and what React's `useSyncExternalStore` takes. All of it may be called unbound. */
export interface Observable<T> {
  readonly value: T;
  /** Calls `listener` at once, then whenever the value has changed. Returns what ends that. If the first call throws, so does this. */
  readonly subscribe: (listener: (value: T) => void) => () => void;
  readonly getSnapshot: () => T;
}

export interface Live<A extends Api = AnyApi> {
  /** `waiting` is what lies between two attempts, `closed` is for good. */
  readonly state: Observable<"connecting" | "open" | "waiting" | "closed">;
  /** Why it is closed. `code` is that of the socket; 0 if none could be made. */
  readonly closed: { readonly code: number; readonly reason: string } | undefined;
  /**
   * Why there is no connection now, for whoever asks why it is `waiting`: how the last one ended, or why the last attempt came to
   * nothing. `code` is that of the socket, 4530 for a server that is full; 0 where no socket has said why: `options.token` has
   * failed, or no answer came. Browsers tell 1006 of whatever lies before the server, a wrong path included. `undefined` while
   * it is `open`.
   */
  readonly lost: { readonly code: number; readonly reason: string } | undefined;

  /**
   * Watches a key, a hyphenated UUID: its value, from now on, through reconnects. Whoever watches the same key shares one
   * subscription.
   */
  watch<S extends Store<A>>(store: S, key: string): Watch<Of<A, S, "view">, Of<A, S, "command">, Of<A, S, "message">, Of<A, S, "publish">>;

  /**
   * Has a command carried out. Resolves to the version that the entry has come to; by then a watch of the key shows it.
   * Without a connection it waits for one.
   *
   * Rejects with a `LiveError`. The code `unknown` means that the connection was lost before the reply came: whether it was
   * carried out, nobody knows. It is never sent twice; look at what there is then.
   */
  send<S extends Store<A>>(store: S, key: string, command: Of<A, S, "command">, options?: SendOptions<Of<A, S, "view">>): Promise<number>;

  /**
   * Asks for anything that is not a command to one entry. Rejects as `send` does. Unlike with `send`, a watch may come to what the
   * call has changed only after its answer: where that matters, the answer says the version, and `watch.version` when it is there.
   */
  call<N extends keyof Calls<A> & string>(
    name: N,
    ...argument: undefined extends Argument<A, N> ? [argument?: Argument<A, N>] : [argument: Argument<A, N>]
  ): Promise<Immutable<Part<Calls<A>[N], "answer">>>;

  /** Reads a value once. Asked again if the connection is lost. */
  get<S extends Store<A>>(store: S, key: string): Promise<{ value: Immutable<Of<A, S, "view">>; version: number }>;

  /**
   * Sends a message to everybody who watches a key. Nothing waits for a connection, and nothing is answered: returns `false` if
   * it was not sent. With `confirm` it waits, and a refusal rejects.
   */
  publish<S extends Store<A>>(store: S, key: string, message: Of<A, S, "publish">, options?: { confirm?: false }): boolean;
  publish<S extends Store<A>>(store: S, key: string, message: Of<A, S, "publish">, options: { confirm: true }): Promise<void>;

  /** Tells of events that the server sends to this user. Returns what ends that. */
  events(listener: (event: Part<A, "event">) => void): () => void;

  /** Tries to connect at once, or finds out whether the connection lives. Does nothing in a page that is hidden. */
  retry(): void;

  /**
   * Ends the connection for good. What was sent and not answered is `unknown`, the rest is `closed`. Values stay as they were
   * told last, without optimistic changes that were not answered.
   */
  close(): void;
}

export interface SendOptions<V> {
  /**
   * Only if the entry is at this version, which is that of what was seen: `watch.version`. Else the code is `conflict`, and by
   * then the watch has come to the version that the error names.
   */
  if?: number;
  /**
   * What the value will be like. Shown at once, on top of whatever comes in between; taken back if the command is refused. It is
   * given a frozen value and returns another, never `undefined`. It must not do anything else, as it is called again for each
   * value that comes.
   *
   * An update that holds what the command did may come before the answer, and is held back for it 30 ms at most. If the answer
   * takes longer, as it can where the server gives it when all is on disk (`answer_when_on_disk`), the change is shown on top of
   * that update until then. So it is best one that comes to the same when it is applied twice: what sets a field, or adds an
   * item unless it is there, rather than what counts one up.
   */
  optimistic?: (value: Immutable<V>) => Immutable<V>;
}

/**
 * What is known of a key: `undefined` before the first value and after the end. Each value is frozen, and parts of it that have
 * not changed are the same objects as before.
 */
export interface Watch<V = any, C = any, M = any, P = any> extends Observable<Immutable<V> | undefined> {
  readonly store: string;
  readonly key: string;
  /** The version of what is shown; 0 if there is nothing. */
  readonly version: number;
  /** Resolves to the first value. Rejects with a `LiveError` if there will be none. */
  readonly ready: Promise<Immutable<V>>;
  /** Set before the value becomes `undefined` for good. Listeners are told of it, also if there was no value before. */
  readonly end: End | undefined;
  /** Tells of messages, and of how many were missed, at most: some may have been for others. Returns what ends that. */
  readonly messages: (listener: (message: M, version: number) => void, missed?: (count: number) => void) => () => void;
  /** `live.send` for this key. */
  readonly send: (command: C, options?: SendOptions<V>) => Promise<number>;
  /** `live.publish` for this key. */
  readonly publish: {
    (message: P, options?: { confirm?: false }): boolean;
    (message: P, options: { confirm: true }): Promise<void>;
  };
  /**
   * Watches no longer: its listeners are told nothing more. When everybody who watches the key has closed, its subscription ends,
   * and its value stays as it is.
   */
  close(): void;
}

/** Why there will be no more of a key. Who wants to know whether there is again watches it anew. */
export interface End {
  /**
   * `removed`, `expired`, `revoked` (it is not to be seen any more) and `internal` come in the middle of it; `not_found` and
   * `too_many_subs` are answers to a subscription, also to one after a reconnect; `bad_request`: there is no such store, or that
   * is no key.
   */
  readonly why: string;
  readonly version: number | undefined;
  /** With which message it was removed. */
  readonly message: unknown;
}

/** Why a request was not carried out, or nobody knows whether it was. */
export class LiveError extends Error {
  readonly name: "LiveError";
  /**
   * The server's: `bad_request`, `not_found`, `forbidden`, `rejected`, `conflict`, `too_many_subs`, `rate_limited`, `unavailable`,
   * `internal`. The client's: `unknown`, as said at `send`; `too_large`, it was not sent; `closed`, there is no connection any
   * more.
   */
  readonly code: string;
  /** The server's own words. */
  readonly reason: unknown;
  /** Of a `conflict`: the version that there is. */
  readonly version: number | undefined;
  /** Whether it makes sense to ask again, */
  readonly retry: boolean;
  /** and after how many milliseconds. */
  readonly after: number | undefined;
  constructor(code: string, told?: { err?: unknown; ver?: number; retry?: boolean; after?: number });
}
