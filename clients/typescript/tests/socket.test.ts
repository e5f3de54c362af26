// What a socket does while no server can be reached.
import assert from "node:assert/strict";
import { test } from "node:test";
import { SoukLoop, SoukLoopError } from "@soukloop/client";
import { SoukLoopSocket } from "@soukloop/client/socket";

const unreachable = () => {
  const soukloop = new SoukLoop({ baseUrl: "http://127.0.0.1:9", language: "ar" }); // nothing listens at this port
  return new SoukLoopSocket(soukloop, { timeout: 200 });
};

test("a room is kept until there is a connection, and left at once without one", async () => {
  const socket = unreachable();
  const room = await socket.joinStream("s1", { onMessage: () => undefined });
  assert.equal(room.wasJoined, true);
  await room.leave();
  socket.close();
});

test("a command without a connection fails in the person's language; after closing it fails at once", async () => {
  const socket = unreachable();
  const late = (error: unknown) => {
    assert(error instanceof SoukLoopError);
    assert.equal(error.code, "network_error");
    assert.match(error.message, /[ء-ي]/);
    return true;
  };
  await assert.rejects(socket.command("stream:join", { stream_id: "s1" }), late);
  const opening = socket.connect();
  socket.close();
  await assert.rejects(opening, late);
  await assert.rejects(socket.command("stream:join", { stream_id: "s1" }), late);
});
