// A server of an example, a browser, and people who look at its page in it.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { chromium } from "playwright-core";

export const target = process.env.CARGO_TARGET_DIR ?? fileURLToPath(new URL("../../target", import.meta.url));
const PATHS = ["chromium", "chromium-browser", "google-chrome"].map((name) => `/usr/bin/${name}`);
/** Whatever is waited for comes at once, but not on a machine that others use as well. */
const PATIENCE = 30_000;

export const launch = () =>
  chromium.launch({
    executablePath: process.env.BROWSER ?? PATHS.find(existsSync),
    // The sandbox does not start for root. The profile is a new one each time.
    args: [
      ...(process.getuid() ? [] : ["--no-sandbox"]),
      // A page that comes from another machine, and not by https.
      "--host-resolver-rules=MAP elsewhere.test 127.0.0.1",
      "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync",
    ],
  });

/** Tests of an example, each in a world of its own, in one browser. */
export const stories = (example = "board") => {
  let browser;
  before(async () => (browser = await launch()));
  after(() => browser.close());
  return (name, tell) =>
    test(name, async () => {
      const world = await World.open(browser, example);
      try {
        await tell(world);
        world.heard();
      } finally {
        await world.close();
      }
    });
};

/** Waits until something is so, which is asked again as long as it is not. */
export const until = async (isSo, what = isSo) => {
  for (const end = Date.now() + PATIENCE; !(await isSo()); ) {
    assert(Date.now() < end, `it never was so: ${what}`);
    await new Promise((done) => setTimeout(done, 10));
  }
};

/** A server with a folder of its own, and a browser for those who visit it. */
export class World {
  #people = [];

  static async open(browser, example) {
    const world = Object.assign(new World(), { browser, example });
    world.folder = await mkdtemp(join(tmpdir(), "board-"));
    await world.start();
    return world;
  }
  async start() {
    const program = `${target}/debug/examples/${this.example}`, port = this.url ? new URL(this.url).port : "0";
    // Nothing of the dashboard is kept; its devices change so many times a second, which any machine can do.
    const options = [port, this.example == "dashboard" ? "5000" : this.folder];
    this.server = spawn(program, options, { stdio: ["ignore", "pipe", "inherit"] });
    // Where it is, and where the admin comes in, if there is one.
    const said = [];
    for await (const line of createInterface({ input: this.server.stdout })) {
      said.push(/http:\S+/.exec(line)[0]);
      if (said.length == (this.example == "chat" ? 1 : 2)) return ([this.url, this.admin] = said);
    }
    throw new Error("the server has ended");
  }
  /** As `kill -9` does. */
  async kill() {
    if (this.server.exitCode ?? this.server.signalCode) return;
    const ended = once(this.server, "exit");
    this.server.kill("SIGKILL");
    await ended;
  }
  /** Waits until a text is in the folder. */
  async keeps(text) {
    const files = () => readdirSync(this.folder, { recursive: true, withFileTypes: true }).filter((file) => file.isFile());
    await until(() => files().some((file) => readFileSync(join(file.parentPath ?? file.path, file.name)).includes(text)), `${text} is kept`);
  }
  /** From now on people come from other machines. */
  leave() {
    this.url = this.url.replace("127.0.0.1", "elsewhere.test");
  }
  /** Somebody who has opened the page. */
  async come(name, options = {}) {
    const { allowed, ...context } = { viewport: { width: 1000, height: 700 }, ...options };
    const person = new Person(this, name, await this.browser.newContext(context), allowed);
    this.#people.push(person);
    await person.look();
    return person;
  }
  /** Somebody who has said on the board who he is. */
  async visit(name, options) {
    const person = await this.come(name, options);
    await person.page.getByLabel("What shall others call you?").fill(name);
    await person.page.getByRole("button", { name: "Come in" }).click();
    return person;
  }
  /** Somebody who has begun a board, and others at it. */
  async together(names, options) {
    const [first, ...others] = names, people = [await this.visit(first, options)];
    await people[0].begin("Plans");
    for (const name of others) {
      const person = await this.visit(name, options);
      await person.is("live");
      people.push(person);
    }
    for (const { page } of people) await until(async () => (await page.locator("#people li").count()) == names.length, "all are there");
    return people;
  }
  async close() {
    for (const { context } of this.#people) await context.close();
    await this.kill();
    await rm(this.folder, { recursive: true });
  }
  /** Nothing is to be said on the console, ever, but what a test names. */
  heard() {
    for (const { name, complaints } of this.#people) assert.deepEqual(complaints, [], name);
  }
}

class Person {
  /** What has come over the socket, and what went. */
  received = [];
  sent = [];
  complaints = [];

  constructor(world, name, context, allowed = /^$/) {
    Object.assign(this, { world, name, context, allowed });
    context.setDefaultTimeout(PATIENCE);
  }
  /** Opens one more window. */
  async look(url = this.world.url) {
    const page = await this.context.newPage();
    this.page ??= page;
    const complain = (text) => this.allowed.test(text) || this.complaints.push(text);
    page.on("console", (message) => ["error", "warning"].includes(message.type()) && complain(message.text()));
    page.on("pageerror", (error) => complain(String(error)));
    page.on("websocket", (socket) => {
      socket.on("framereceived", ({ payload }) => this.received.push(payload));
      socket.on("framesent", ({ payload }) => this.sent.push(payload));
    });
    await page.exposeBinding("complain", (_, text) => complain(text));
    await page.addInitScript(() =>
      document.addEventListener("securitypolicyviolation", ({ violatedDirective, blockedURI, sample }) => complain(`policy: ${violatedDirective} ${blockedURI} ${sample}`)));
    await page.goto(url);
    return page;
  }
  /** Begins the first board. */
  async begin(title) {
    await this.page.getByLabel("What is it about?").fill(title);
    await this.page.getByRole("button", { name: "Begin" }).click();
    await this.page.locator("#add:enabled").waitFor();
  }
  /** Waits until the page says how it is connected. */
  async is(state) {
    await this.page.locator("#state", { hasText: state }).waitFor();
  }
  /** The card that says something. */
  card = (text) => this.page.getByRole("article", { name: text ? `: ${text}` : ": empty" });
  async add(text) {
    await this.page.getByRole("button", { name: "Add a card" }).click();
    await this.page.keyboard.type(text);
    await this.page.keyboard.press("Escape");
    await this.card(text).waitFor();
  }
  /** Where a card lies, and on top of what. */
  at = (text) => this.card(text).evaluate(({ style: { left, top, zIndex } }) => ({ x: parseInt(left), y: parseInt(top), z: +zIndex }));
  color = (text) => this.card(text).evaluate(({ dataset: { color } }) => color);
  holder = (text) => this.card(text).evaluate(({ dataset: { holder } }) => holder);
  count = () => this.page.getByRole("article").count();
  /** Takes a card at its top, and does not let go yet. */
  async take(text, byX, byY) {
    const { x, y } = await this.card(text).boundingBox(), { mouse } = this.page;
    await mouse.move(x + 40, y + 15);
    await mouse.down();
    await mouse.move(x + 40 + byX, y + 15 + byY, { steps: 8 });
  }
}
