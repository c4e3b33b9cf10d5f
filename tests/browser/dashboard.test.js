// The dashboard, in a browser.

import assert from "node:assert/strict";
import { axe, check } from "./axe.js";
import { stories, until } from "./world.js";

const story = stories("dashboard");

/** The numbers of the devices in the list, as they stand there. */
const numbers = (page) => page.evaluate(() => [...document.querySelectorAll("#rows th")].map((head) => head.textContent));
const isFull = (page, rows = 50) => until(async () => (await numbers(page)).length == rows, `there are ${rows} rows`);
const line = (page) => page.locator("#line").getAttribute("d");
const said = (page, text) => page.locator("#said", { hasText: text }).waitFor();

story("the worst are shown in order, and change", async (world) => {
  const { page } = await world.come("Ann");
  await isFull(page);
  const first = await page.locator("#rows").textContent();
  await until(async () => (await page.locator("#rows").textContent()) != first, "they change");
  // Whatever comes and goes, rows are where they belong: what fails first, then what is hottest.
  for (let times = 0; times < 10; times++) {
    const ranks = await page.evaluate(() =>
      [...document.querySelectorAll("#rows tr")].map(({ className, children }) => [+className.includes("failing"), parseFloat(children[3].textContent)]));
    assert.equal(ranks.length, 50);
    assert.deepEqual(ranks, ranks.toSorted(([a, b], [c, d]) => c - a || d - b));
    await page.waitForTimeout(150);
  }
  await until(async () => (await page.locator("#devices").textContent()) == "100,000", "all are counted");
  await until(async () => parseInt(await page.locator("#failing").textContent()) > 0, "some fail");
  await until(async () => parseFloat((await page.locator("#changes").textContent()).replace(",", "")) > 1000, "there are changes");
});

story("rows glide, but not for who wants none of it, and whoever is at one stays there", async (world) => {
  const { page } = await world.come("Ann"), still = await world.come("Ben", { reducedMotion: "reduce" });
  for (const { page: one } of [{ page }, still]) {
    await isFull(one);
    await one.evaluate(() => {
      const animate = Element.prototype.animate;
      window.glides = 0;
      Element.prototype.animate = function (...how) {
        window.glides += "transform" in how[0];
        return animate.apply(this, how);
      };
    });
  }
  await until(() => page.evaluate(() => window.glides > 20), "they glide");
  assert.equal(await still.page.evaluate(() => window.glides), 0);
  // The focus is where it was while the row goes elsewhere.
  await page.locator("#rows button").nth(20).focus();
  const place = () => page.evaluate(() => [...document.querySelectorAll("#rows tr")].indexOf(document.activeElement.closest("#rows tr")));
  const chosen = () => page.evaluate(() => document.activeElement.textContent);
  await page.evaluate(() => document.addEventListener("focusout", () => (window.isLost = true)));
  const number = await chosen();
  await until(async () => (await place()) != 20 || !(await numbers(page)).includes(number), "it has moved");
  await until(async () => (await place()) >= 0, "one is at a row");
  if ((await numbers(page)).includes(number) && (await chosen()) == number) assert(!(await page.evaluate(() => window.isLost)));
});

story("it holds still when it is told to, and goes on", async (world) => {
  const { page } = await world.come("Ann");
  await isFull(page);
  const pause = page.getByRole("button", { name: "Hold still" });
  await pause.click();
  const before = await page.locator("#rows").textContent();
  await page.waitForTimeout(1000);
  assert.equal(await page.locator("#rows").textContent(), before);
  await pause.click();
  await until(async () => (await page.locator("#rows").textContent()) != before, "it goes on");
});

story("a device is shown with what it has told, by a click or by its number", async (world) => {
  const { page } = await world.come("Ann");
  await isFull(page);
  const chosen = await page.evaluate(() => {
    const row = document.querySelectorAll("#rows tr")[3];
    row.children[3].click();
    return row.dataset.number;
  });
  await page.getByRole("heading", { name: `Device ${chosen}`, exact: true }).waitFor();
  await said(page, "It is");
  const version = await page.locator("#version").textContent();
  await until(async () => (await line(page))?.split("V").length > 3, "it is plotted");
  assert.notEqual(await page.locator("#version").textContent(), version);
  assert.match(await page.locator("#plot").getAttribute("aria-label"), /^Between .* °C and .* °C$/);
  // By the keyboard alone.
  await page.keyboard.press("/");
  await page.keyboard.type("4711");
  await page.keyboard.press("Enter");
  await page.getByRole("heading", { name: "Device 4711", exact: true }).waitFor();
  await page.locator("#temperature", { hasText: "°C" }).waitFor();
  assert.match(page.url(), /#4711$/);
  await page.locator("#number").fill("99999999");
  await page.keyboard.press("Enter");
  await said(page, "There is no such device");
  await page.locator("#number").fill("1");
  await page.keyboard.press("Enter");
  await page.locator("#detail").waitFor();
  await said(page, /It is|All is well/);
});

story("those of one site have a list of their own", async (world) => {
  const { page } = await world.come("Ann");
  await isFull(page);
  await page.getByRole("combobox", { name: "Site" }).selectOption("in Porto");
  await isFull(page, 20);
  const isOfSite = async () => (await page.locator("#rows .site").allTextContents()).every((site) => site == "Porto");
  await until(isOfSite, "they are all there");
  await page.getByRole("combobox", { name: "Site" }).selectOption("of all sites");
  await isFull(page);
});

story("after the server was killed it goes on", async (world) => {
  const ann = await world.come("Ann", { allowed: /^WebSocket connection to .* failed/ }), { page } = ann;
  await page.goto(`${world.url}/#4711`);
  await isFull(page);
  await page.locator("#detail").waitFor();
  await world.kill();
  await ann.is("No connection");
  const before = await page.locator("#rows").textContent();
  await world.start();
  await ann.is("live");
  await isFull(page);
  await until(async () => (await page.locator("#rows").textContent()) != before, "the list goes on");
  const then = await page.locator("#rows").textContent();
  await until(async () => (await page.locator("#rows").textContent()) != then, "and on");
  // Of the time between nothing is known: the line has a gap.
  await until(async () => (await line(page)).split("M").length == 3, "so does the device");
  await said(page, /It is|All is well/);
});

for (const colorScheme of ["light", "dark"])
  for (const [width, viewport] of [["wide", { width: 1280, height: 800 }], ["narrow", { width: 390, height: 844 }]])
    story(`nothing stands in the way of anybody, ${colorScheme} and ${width}`, async (world) => {
      const { page } = await world.come("Ann", { colorScheme, viewport, bypassCSP: true, allowed: /^WebSocket connection to .* failed/ });
      await page.addScriptTag({ path: axe });
      await isFull(page);
      // Nothing glides that is looked at.
      await page.getByRole("button", { name: "Hold still" }).click();
      const see = (what) => check(page, what);
      await see("the list");
      await page.locator("#rows button").nth(2).click();
      await page.locator("#detail").waitFor();
      await until(async () => (await line(page))?.split("V").length > 8, "it is plotted");
      if (process.env.LOOK) await page.screenshot({ path: `${process.env.LOOK}/dashboard-${width}-${colorScheme}.png` });
      await see("one device");
      await page.locator("#number").fill("99999999");
      await page.keyboard.press("Enter");
      await said(page, "There is no such device");
      await see("no device");
      await world.kill();
      await page.locator("#state", { hasText: "No connection" }).waitFor();
      await see("no connection");
    });
