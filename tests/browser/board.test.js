// What people do on the board together, in a browser.

import assert from "node:assert/strict";
import { isDeepStrictEqual } from "node:util";
import { stories, until } from "./world.js";

const story = stories();

story("what one writes the others read, with the name of who has begun it", async (world) => {
  const [ann, ben] = await world.together(["Ann", "Ben"]);
  await ann.add("Buy milk");
  await ben.card("Buy milk").waitFor();
  assert.match(await ben.card("Buy milk").getAttribute("aria-label"), /^yellow card of Ann/);
  await ben.card("Buy milk").locator(".text").click();
  await ben.page.keyboard.press("End");
  await ben.page.keyboard.type(" and bread");
  await ann.card("Buy milk and bread").waitFor();
  // Both write at once, on two cards.
  await ann.add("One");
  await ben.add("Two");
  await Promise.all([ann.card("Two").waitFor(), ben.card("One").waitFor()]);
});

story("what was typed is not lost when its page is left at once", async (world) => {
  const [ann, ben] = await world.together(["Ann", "Ben"]);
  await ann.add("Half");
  await ann.card("Half").locator(".text").fill("Half and half");
  await ann.page.goto("about:blank");
  await ben.card("Half and half").waitFor();
});

story("a card is seen to move while it is in the hand of another", async (world) => {
  const [ann, ben] = await world.together(["Ann", "Ben"]);
  await ann.add("Move me");
  await ben.card("Move me").waitFor();
  const from = await ben.at("Move me");
  await ann.take("Move me", 180, 90);
  // It is not let go yet.
  await until(async () => (await ben.at("Move me")).x == from.x + 180, "it has come with the hand");
  await until(async () => (await ben.holder("Move me")) == "Ann", "Ann holds it");
  await ben.page.locator(".pointer", { hasText: "Ann" }).waitFor({ state: "attached" });
  await ann.page.mouse.up();
  await until(async () => (await ben.at("Move me")).x == from.x + 180, "it has come to where it was put");
  await until(async () => isDeepStrictEqual(await ben.at("Move me"), await ann.at("Move me")), "it lies there for both");
  assert.equal((await ben.at("Move me")).y, from.y + 90);
  // One drag is one step.
  await ann.page.getByRole("button", { name: "Undo" }).click();
  await until(async () => (await ben.at("Move me")).x == from.x, "it is back");
});

story("a hand that trembles moves nothing, and a click on a text begins to write", async (world) => {
  const [ann] = await world.together(["Ann"]);
  await ann.add("Still");
  const from = await ann.at("Still"), commands = ann.sent.length;
  await ann.take("Still", 2, 1);
  await ann.page.mouse.up();
  assert.deepEqual(await ann.at("Still"), from);
  assert(!ann.sent.slice(commands).some((frame) => frame.includes('"move"')));
  // It can be taken at its text as well.
  const text = await ann.card("Still").locator(".text").boundingBox();
  await ann.page.mouse.move(text.x + 20, text.y + 10);
  await ann.page.mouse.down();
  await ann.page.mouse.move(text.x + 90, text.y + 60, { steps: 4 });
  await ann.page.mouse.up();
  await until(async () => (await ann.at("Still")).x == from.x + 70, "it has moved");
  await ann.card("Still").locator(".text").click();
  await ann.page.keyboard.type("!");
  await ann.card("Still!").waitFor();
});

story("what is moved lies on top", async (world) => {
  const [ann, ben] = await world.together(["Ann", "Ben"]);
  await ann.add("Below");
  await ann.add("Above");
  const [below, above] = [await ann.at("Below"), await ann.at("Above")];
  assert(above.z > below.z);
  await ann.take("Below", above.x - below.x + 30, above.y - below.y + 25);
  await ann.page.mouse.up();
  const isOnTop = () =>
    ben.page.evaluate(() => {
      const { left, top } = document.querySelector(".card[aria-label$=Above]").getBoundingClientRect();
      return document.elementFromPoint(left + 60, top + 60)?.closest(".card")?.getAttribute("aria-label").endsWith("Below");
    });
  await until(isOnTop);
  assert((await ben.at("Below")).z > (await ben.at("Above")).z);
});

story("cards are colored and removed, and whoever was at one goes on at the next", async (world) => {
  const [ann, ben] = await world.together(["Ann", "Ben"]);
  await ann.add("First");
  await ann.add("Second");
  await ben.card("Second").getByRole("button", { name: "Another color" }).click();
  await until(async () => (await ann.color("Second")) == "pink", "it is pink");
  assert.equal(await ann.color("First"), "yellow");
  await ann.card("First").focus();
  await ben.card("First").getByRole("button", { name: "Remove the card" }).click();
  await ann.card("First").waitFor({ state: "detached" });
  assert.match(await ann.page.evaluate(() => document.activeElement.getAttribute("aria-label")), /Second$/);
  assert.equal(await ann.count(), 1);
});

story("everybody takes back what he has done himself", async (world) => {
  const [ann, ben] = await world.together(["Ann", "Ben"]);
  await ann.add("Ours");
  const from = await ann.at("Ours");
  await ann.take("Ours", 100, 40);
  await ann.page.mouse.up();
  await until(async () => (await ben.at("Ours")).x == from.x + 100, "it has moved");
  assert(await ben.page.getByRole("button", { name: "Undo" }).isDisabled());
  await ben.card("Ours").getByRole("button", { name: "Another color" }).click();
  await until(async () => (await ann.color("Ours")) == "pink", "it is pink");
  await ann.card("Ours").focus();
  await ann.page.keyboard.press("Control+z");
  await until(async () => (await ben.at("Ours")).x == from.x, "it is back");
  // What Ben did stays.
  assert.equal(await ben.color("Ours"), "pink");
  await ann.page.keyboard.press("Control+Shift+z");
  await until(async () => (await ben.at("Ours")).x == from.x + 100, "it is there again");
  await ben.page.getByRole("button", { name: "Undo" }).click();
  await until(async () => (await ann.color("Ours")) == "yellow", "it is yellow");
  await ben.page.getByRole("button", { name: "Redo" }).click();
  await until(async () => (await ann.color("Ours")) == "pink", "it is pink again");
});

story("a note is for its author alone, and a remark for who has begun the board", async (world) => {
  const [ann, ben] = await world.together(["Ann", "Ben"]);
  await ben.add("Present");
  await ben.card("Present").locator("summary").click();
  await ben.card("Present").getByLabel("Note, which only you see").fill("secret of Ben");
  await ann.page.getByLabel("which only you see").first().fill("secret of Ann");
  await ann.page.keyboard.press("Enter");
  await until(() => ben.received.some((frame) => frame.includes("secret of Ben")), "the note is told to Ben");
  await until(() => ann.received.some((frame) => frame.includes("secret of Ann")), "the remark is told to Ann");
  // What comes after is told to both.
  await ben.add("Afterwards");
  await ann.card("Afterwards").waitFor();
  assert(!ann.received.some((frame) => frame.includes("secret of Ben")));
  assert(!ben.received.some((frame) => frame.includes("secret of Ann")));
  assert(!(await ann.page.content()).includes("secret of Ben"));
  assert(await ann.card("Present").locator("details").isHidden());
  // It is there again when one comes back.
  await ben.page.reload();
  await until(async () => (await ben.card("Present").locator(".note").inputValue()) == "secret of Ben", "the note is there");
  assert(await ben.card("Present").locator(".note").isVisible());
});

story("who has chosen what is seen, by whatever means", async (world) => {
  const [ann, ben] = await world.together(["Ann", "Ben"]);
  await ann.add("Mine");
  await ben.card("Mine").waitFor();
  await ann.card("Mine").focus();
  await until(async () => (await ben.holder("Mine")) == "Ann", "Ann has chosen it");
  await ann.page.locator("#view").focus();
  await until(async () => (await ben.holder("Mine")) === undefined, "nobody has");
  // Another window of the same person is another hand.
  const other = await ben.look();
  await other.getByRole("article").waitFor();
  await other.mouse.move(500, 300);
  await other.mouse.move(510, 320);
  await ben.page.locator(".pointer span", { hasText: "Ben" }).waitFor();
  // And nobody sees his own.
  assert.equal(await other.locator(".pointer span", { hasText: "Ben" }).count(), 0);
});

story("on a phone one writes, moves and finds what is there", async (world) => {
  const [ann] = await world.together(["Ann"]);
  // Far from where a phone looks first.
  await ann.add("Far away");
  await ann.card("Far away").focus();
  for (let i = 0; i < 6; i++) await ann.page.keyboard.press("Shift+ArrowRight");
  const phone = { viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true, deviceScaleFactor: 2 };
  const ben = await world.visit("Ben", phone);
  await ben.is("live");
  await ben.card("Far away").waitFor();
  const isSeen = (text) => ben.card(text).evaluate((card) => {
    const { left, right, top, bottom } = card.getBoundingClientRect();
    return left >= 0 && right <= innerWidth && top >= 0 && bottom <= innerHeight;
  });
  await until(() => isSeen("Far away"));
  // Nothing is wider than the phone.
  assert.equal(await ben.page.evaluate(() => document.documentElement.scrollWidth), 390);
  await ben.page.getByRole("button", { name: "Add a card" }).tap();
  await ben.page.keyboard.type("By thumb");
  await ann.card("By thumb").waitFor();
  assert(await isSeen("By thumb"));
  // With the finger, on the text: one who is not writing there takes the card.
  await ben.page.keyboard.press("Escape");
  const from = await ann.at("By thumb"), { x, y } = await ben.card("By thumb").locator(".text").boundingBox();
  const fingers = await ben.context.newCDPSession(ben.page);
  const touch = (type, ...touchPoints) => fingers.send("Input.dispatchTouchEvent", { type, touchPoints });
  await touch("touchStart", { x: x + 30, y: y + 10 });
  for (let step = 1; step <= 8; step++) await touch("touchMove", { x: x + 30 - 4 * step, y: y + 10 + 10 * step });
  await until(async () => (await ann.at("By thumb")).y > from.y, "it moves");
  await touch("touchEnd");
  await until(async () => (await ann.at("By thumb")).y == from.y + 80, "it has moved");
  assert.equal((await ann.at("By thumb")).x, from.x - 32);
  // A tap on it begins to write.
  await ben.card("By thumb").locator(".text").tap();
  await until(() => ben.page.evaluate(() => document.activeElement.matches(".text")), "one writes");
  await ben.page.keyboard.press("End");
  await ben.page.keyboard.type(", twice");
  await ann.card("By thumb, twice").waitFor();
  await ben.page.keyboard.press("Escape");
  // One sees where one writes.
  await ben.page.locator("#view").evaluate((view) => view.scrollBy(-170, 0));
  assert(!(await isSeen("Far away")));
  const edge = await ben.card("Far away").boundingBox();
  await ben.page.touchscreen.tap(edge.x + 20, edge.y + 50);
  await until(() => isSeen("Far away"));
  await ben.card("By thumb, twice").getByRole("button", { name: "Remove the card" }).tap();
  await ann.card("By thumb, twice").waitFor({ state: "detached" });
});

story("the keyboard alone will do", async (world) => {
  const ben = await world.visit("Ben");
  await ben.begin("Plans");
  const ann = await world.visit("Ann"), { keyboard } = ann.page;
  await ann.page.locator("#add:enabled").waitFor();
  await keyboard.press("a");
  await ann.page.locator("article textarea:focus").waitFor();
  await keyboard.type("No mouse");
  await keyboard.press("Escape");
  await ben.card("No mouse").waitFor();
  const from = await ben.at("No mouse");
  await keyboard.press("ArrowRight");
  await keyboard.press("Shift+ArrowDown");
  await until(async () => (await ben.at("No mouse")).y == from.y + 100, "it has moved");
  assert.equal((await ben.at("No mouse")).x, from.x + 20);
  await keyboard.press("c");
  await until(async () => (await ben.color("No mouse")) == "pink", "it is pink");
  await keyboard.press("Enter");
  await keyboard.press("End");
  await keyboard.type(" at all");
  await ben.card("No mouse at all").waitFor();
  await keyboard.press("Escape");
  await keyboard.press("n");
  await keyboard.type("for me");
  await keyboard.press("Escape");
  await until(() => ann.received.some((frame) => frame.includes("for me")), "the note is kept");
  // Forwards through what is on the card, and back.
  await keyboard.press("Tab");
  assert(await ann.card("No mouse at all").getByRole("button", { name: "Another color" }).evaluate((it) => it == document.activeElement));
  await keyboard.press("Shift+Tab");
  await keyboard.press("Delete");
  await ben.card("No mouse at all").waitFor({ state: "detached" });
  await keyboard.press("Control+z");
  await ben.card("No mouse at all").waitFor();
  // Another board, and back to the first.
  const reach = async (name) => {
    for (let i = 0; i < 40; i++) {
      if (await ann.page.evaluate((name) => document.activeElement.textContent.trim() == name || document.activeElement.id == name, name)) return;
      await keyboard.press("Tab");
    }
    assert.fail(`${name} is out of reach`);
  };
  await reach("New board");
  await keyboard.press("Enter");
  await keyboard.type("Other plans");
  await keyboard.press("Enter");
  await until(async () => (await ann.page.title()) == "Other plans", "it is open");
  await reach("boards");
  await keyboard.press("P");
  await ann.card("No mouse at all").waitFor();
});

story("from another machine, by plain http, it is the same", async (world) => {
  world.leave();
  const [ann, ben] = await world.together(["Ann", "Ben"]);
  assert(!(await ann.page.evaluate(() => isSecureContext)));
  await ann.add("From afar");
  await ben.card("From afar").waitFor();
});

story("names and texts are texts, and nothing else runs on the page", async (world) => {
  const evil = "<img src=x onerror=complain(1)>";
  const [ann, ben] = await world.together([evil, "Ben"]);
  await ann.add(evil);
  await ben.card(evil).waitFor();
  assert.equal(await ben.page.locator("img").count(), 0);
  const cid = await world.visit("Cid", { allowed: /Content Security Policy|policy: script-src/ });
  await cid.is("live");
  await assert.rejects(cid.page.addScriptTag({ content: "window.isIn = true" }));
  await assert.rejects(cid.page.addScriptTag({ url: "data:text/javascript,window.isIn = true" }));
  assert.equal(await cid.page.evaluate(() => window.isIn), undefined);
});
