// One headless Chromium for the benchmark: opens pages on command, and prints a sample of each every 100 ms.
"use strict";

const readline = require("node:readline");
const { chromium } = require("playwright-core");

const OPTIONS = [
  "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
  "--disable-component-update", "--disable-sync", "--autoplay-policy=no-user-gesture-required",
  "--disable-background-timer-throttling", "--disable-renderer-backgrounding",
];
const pages = new Map();

async function main() {
  const browser = await chromium.launch({ executablePath: process.argv[2], args: OPTIONS });
  console.log(JSON.stringify({ ready: true }));
  const lines = readline.createInterface({ input: process.stdin });
  lines.on("line", (line) => command(browser, JSON.parse(line)).catch(complain));
  lines.on("close", () => browser.close().then(() => process.exit(0)));
  setInterval(sampleAll, 100);
}

async function command(browser, { open, close, address, throttle, screenshot, path }) {
  if (open) {
    const page = await browser.newPage({ viewport: { width: 640, height: 360 } });
    if (throttle) {
      const session = await page.context().newCDPSession(page);
      await session.send("Network.enable");
      await session.send("Network.emulateNetworkConditions",
        { offline: false, latency: 20, downloadThroughput: throttle, uploadThroughput: throttle });
    }
    if (process.env.VERBOSE) page.on("console", (message) => console.error(open, message.text()));
    await page.goto(address);
    pages.set(open, page);
  } else if (close) {
    await pages.get(close)?.close();
    pages.delete(close);
  } else if (screenshot) {
    await pages.get(screenshot)?.screenshot({ path });
  }
}

async function sampleAll() {
  for (const [name, page] of pages) {
    if (page.sampling) continue;
    page.sampling = true;
    page.evaluate(() => window.sample()).then(
      (sample) => console.log(JSON.stringify({ name, ...sample })), () => {},
    ).finally(() => { page.sampling = false; });
  }
}

function complain(error) {
  console.log(JSON.stringify({ error: String(error) }));
}

main().catch((error) => { complain(error); process.exit(1); });
