// What a room makes of messages that come late, twice, or not at all.
import assert from "node:assert/strict";
import { test } from "node:test";
import type { SoukLoop } from "@soukloop/client";
import type { SoukLoopSocket } from "@soukloop/client/socket";
import { conversationRoom } from "../dist/rooms.js";

const id = "c1";
const message = (seq: number) => ({ conversationId: id, seq, content: String(seq) });

function opened(pages: Record<number, number[]> = {}) {
  const joins: unknown[] = [];
  const seen: number[] = [];
  const socket = { command: async (_name: string, data: { after_seq?: number }) => void joins.push(data.after_seq) };
  const get = async (_path: string, options: { query: { after_seq: number } }) => {
    const seqs = pages[options.query.after_seq] ?? [];
    return { items: seqs.map((seq) => ({ seq, conversation_id: id })), has_more: pages[seqs.at(-1)!] !== undefined };
  };
  const onMessage = ({ seq }: { seq?: number }) => void seen.push(seq!);
  const room = conversationRoom(socket as never as SoukLoopSocket, { get } as never as SoukLoop, id, { onMessage }, { afterSeq: 2 });
  return { room, joins, seen };
}

test("each message is handed over once, and the number stays below a gap", () => {
  const { room, seen } = opened();
  for (const seq of [3, 5, 5, 3]) room.receive("message:new", message(seq));
  room.receive("message:new", { ...message(4), conversationId: "another" });
  assert.deepEqual([seen, room.upToSeq], [[3, 5], 3]);
  room.receive("message:new", message(4));
  assert.deepEqual([seen, room.upToSeq], [[3, 5, 4], 5]);
});

test("a gap that stays is asked for by joining again after the last complete number", async (context) => {
  context.mock.timers.enable({ apis: ["setTimeout"] });
  const { room, joins, seen } = opened();
  await room.join();
  room.receive("message:new", message(4));
  context.mock.timers.tick(5000);
  assert.deepEqual(joins, [2, 2]);
  room.receive("conversation:joined", { conversationId: id, lastSeq: 4, resync: false, messages: [message(3), message(4)] });
  assert.deepEqual([seen, room.upToSeq], [[4, 3], 4]);
});

test("what is too much for one event is read page by page over REST", async () => {
  const { room, seen } = opened({ 2: [3, 4], 4: [5, 6] });
  room.receive("conversation:joined", { conversationId: id, lastSeq: 6, resync: true, messages: [] });
  await new Promise((resolve) => setImmediate(resolve));
  assert.deepEqual([seen, room.upToSeq], [[3, 4, 5, 6], 6]);
});
