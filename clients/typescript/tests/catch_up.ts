// A person whose network is cut and comes back, against a running server: node catch_up.ts <address of the server>
import assert from "node:assert/strict";
import net from "node:net";
import { SoukLoop, SoukLoopError } from "@soukloop/client";
import { SoukLoopSocket } from "@soukloop/client/socket";

const server = new URL(process.argv[2]!);
const suffix = Math.random().toString(36).slice(2, 10);

/** A network that can be cut: what is open breaks, and nothing new comes through. */
class Network {
  readonly #open = new Set<net.Socket>();
  #isCut = false;
  readonly #relay = net.createServer((near) => {
    if (this.#isCut) return void near.destroy();
    const far = net.connect(Number(server.port), server.hostname);
    for (const [one, other] of [[near, far], [far, near]] as const) {
      this.#open.add(one);
      one.on("error", () => other.destroy()).on("close", () => other.destroy());
      one.pipe(other);
    }
  });

  async start(): Promise<string> {
    await new Promise<void>((resolve) => this.#relay.listen(0, "127.0.0.1", resolve));
    return `http://127.0.0.1:${(this.#relay.address() as net.AddressInfo).port}`;
  }

  cut() {
    this.#isCut = true;
    for (const each of this.#open) each.destroy();
    this.#open.clear();
  }

  mend() {
    this.#isCut = false;
  }

  stop() {
    this.cut();
    this.#relay.close();
  }
}

async function until(condition: () => boolean, what: string) {
  for (let tries = 0; !condition(); tries++) {
    assert(tries < 600, `not within 30 s: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

async function newcomer(baseUrl: string, role: "buyer" | "seller") {
  const client = new SoukLoop({ baseUrl });
  const phone = `+97150${String(Math.floor(Math.random() * 1e7)).padStart(7, "0")}`;
  const username = `${role}_${suffix}`;
  const person = { email: `${username}@example.com`, username, password: "Marina-2026!", phone, full_name: role, role };
  return { client, ...(await client.register({ body: person })) };
}

const network = new Network();
const seller = await newcomer(server.origin, "seller");
const buyer = await newcomer(await network.start(), "buyer");
const conversation = await seller.client.post("/conversations", {
  body: { other_user_id: buyer.id, initial_message: "1" },
});
const write = (content: string) =>
  seller.client.post("/conversations/{conversation_id}/messages", {
    path: { conversation_id: conversation.id },
    body: { message_type: "text", content },
  });

const ends: string[] = [];
const socket = new SoukLoopSocket(buyer.client, {
  timeout: 1500,
  io: { reconnectionDelay: 100, reconnectionDelayMax: 300 },
  onEnded: (reason) => void ends.push(reason.code),
});
await socket.connect();
const seen: string[] = [];
const changes: (string | null)[] = [];
const room = await socket.joinConversation(conversation.id, {
  onMessage: ({ content }) => void seen.push(content!),
  onChanged: ({ seq, content }) => void (seq === 1 && changes.push(content)),
});
assert.deepEqual([seen, room.upToSeq], [["1"], 1]); // the newest come first, without a number
const [first] = (await seller.client.get("/conversations/{conversation_id}/messages", {
  path: { conversation_id: conversation.id },
})).items;
const path = { conversation_id: conversation.id, message_id: first!.id };
await seller.client.patch("/conversations/{conversation_id}/messages/{message_id}", { path, body: { content: "one" } });
await until(() => changes.includes("one"), "the edit");

network.cut();
await until(() => !socket.isConnected, "the cut");
await write("2");
await write("3");
await seller.client.patch("/conversations/{conversation_id}/messages/{message_id}", { path, body: { content: "uno" } });
const late = socket.sendMessage(conversation.id, "4"); // is sent once there is a network again
network.mend();
await late;
await until(() => seen.length === 4, "what was written meanwhile");
assert.deepEqual([...seen].sort(), ["1", "2", "3", "4"]);
assert.equal(room.upToSeq, 4);
await until(() => changes.includes("uno"), "what was edited meanwhile");
await seller.client.delete("/conversations/{conversation_id}/messages/{message_id}", { path });
await until(() => changes.at(-1) === null, "the deletion");
await write("5");
await until(() => seen.length === 5, "what is written from now on");

await seller.client.logout();
await buyer.client.post("/auth/logout-all");
await until(() => ends.length === 1, "the end of the login");
assert.deepEqual(ends, ["session_ended"]);
await assert.rejects(socket.sendMessage(conversation.id, "6"), SoukLoopError);
network.stop();
console.log(JSON.stringify({ seen }));
