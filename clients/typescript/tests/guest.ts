// A guest who watches, logs in, changes the language and leaves: node guest.ts <server> <stream> <username> <password>
import assert from "node:assert/strict";
import { SoukLoop, SoukLoopError } from "@soukloop/client";
import { SoukLoopSocket } from "@soukloop/client/socket";

const [, , baseUrl, streamId, username, password] = process.argv as [string, string, string, string, string, string];

async function until(condition: () => boolean, what: string) {
  for (let tries = 0; !condition(); tries++) {
    assert(tries < 600, `not within 30 s: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

const soukloop = new SoukLoop({ baseUrl });
const ends: string[] = [];
// As in a browser in English, which lets no page choose the headers of a WebSocket.
const io = { transports: ["websocket"], extraHeaders: { "Accept-Language": "en" } };
const socket = new SoukLoopSocket(soukloop, { io, onEnded: ({ code }) => void ends.push(code) });
const lines: string[] = [];
const removed: string[] = [];
const room = await socket.joinStream(streamId, {
  onMessage: ({ message }) => void lines.push(message),
  onLeft: (code) => void removed.push(code),
});
const guest = await socket.connect();
assert.equal(guest.guest, true);
assert.equal(await socket.connect(), guest);

await soukloop.login(username, password);
const person = await socket.connect();
assert.deepEqual([person.username, person.guest], [username, false]);
await socket.sendChat(streamId, "Salam");
await until(() => lines.length === 1, "the first line");

const refused = () =>
  socket.command("product:join", { product_id: "00000000-0000-4000-8000-000000000000" }).then(
    () => assert.fail("there is no such product"),
    (error: SoukLoopError) => error.message,
  );
assert.doesNotMatch(await refused(), /[ء-ي]/);
soukloop.setLanguage("ar");
assert.notEqual((await socket.connect()).connectionId, person.connectionId);
assert.match(await refused(), /[ء-ي]/);
assert.equal(await soukloop.useAccountLanguage(), "en");
await socket.sendChat(streamId, "Still here");
await until(() => lines.length === 2, "the line after the change of language");

await soukloop.logout();
assert.equal((await socket.connect()).guest, true);
socket.close();
const before = Date.now();
await room.leave();
assert(Date.now() - before < 1000);
assert.deepEqual([ends, removed], [[], []]);
console.log(JSON.stringify({ lines }));
