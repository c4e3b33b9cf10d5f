// Nothing stands in the way of anybody: axe finds no fault, in both schemes, on wide and on narrow screens.

import { axe, check } from "./axe.js";
import { stories, until } from "./world.js";

const story = stories();
for (const colorScheme of ["light", "dark"])
  for (const [width, viewport] of [["wide", { width: 1280, height: 800 }], ["narrow", { width: 390, height: 844 }]])
    story(`${colorScheme} and ${width}`, async (world) => {
      // Only so can axe be put onto the page, which lets nothing else run.
      const options = { colorScheme, viewport, bypassCSP: true, hasTouch: width == "narrow" };
      const ann = await world.visit("Ann", options), { page } = ann;
      await page.addScriptTag({ path: axe });
      const see = (what) => check(page, what);
      await see("a board is to be named");
      await ann.begin("Plans");
      await see("an empty board");
      for (let i = 0; i < 4; i++) {
        const text = ["one", "two", "three", "four"][i];
        await ann.add(text);
        for (let times = 0; times < i; times++) await ann.card(text).getByRole("button", { name: "Another color" }).click();
      }
      const ben = await world.visit("Ben", { viewport });
      await ben.card("four").waitFor();
      await see("cards of all colors");
      await ann.card("two").locator(".text").click();
      await see("one writes");
      await ann.card("three").locator("summary").click();
      await ann.card("three").locator(".note").fill("for me");
      await see("one notes");
      // Whoever one is, the name can be read.
      for (let hue = 0; hue < 360; hue += 30) {
        await page.locator("#people li").evaluateAll((all, hue) => all.forEach(({ style }) => style.setProperty("--hue", hue)), hue);
        await see(`people of hue ${hue}`);
      }
      await ben.card("one").focus();
      await until(async () => (await ann.holder("one")) == "Ben", "Ben has chosen it");
      await see("somebody else has chosen a card");
      await page.getByRole("button", { name: "Remove", exact: true }).first().click();
      await see("a board is to be removed");
      await page.getByRole("button", { name: "Keep it" }).click();
      await page.getByRole("button", { name: "New board" }).click();
      await see("another board is to be named");
      await page.getByRole("button", { name: "Not now" }).click();
      const cid = await world.browser.newContext(options), page2 = await cid.newPage();
      await page2.goto(world.url);
      await page2.addScriptTag({ path: axe });
      await page2.getByRole("button", { name: "Come in" }).waitFor();
      await check(page2, "who is it");
      await cid.close();
    });

story("a lost connection", async (world) => {
  for (const colorScheme of ["light", "dark"]) {
    const ann = await world.visit("Ann", { colorScheme, bypassCSP: true, allowed: /^WebSocket connection to .* failed/ });
    if (colorScheme == "light") await ann.begin("Plans");
    await ann.is("live");
    await ann.page.addScriptTag({ path: axe });
    await world.kill();
    await ann.is("No connection");
    await check(ann.page, colorScheme);
    await world.start();
    await ann.context.close();
  }
});
