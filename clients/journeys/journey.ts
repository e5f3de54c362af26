// The whole journey of two people, with the TypeScript client: node journey.ts <address of the server>
// One-time codes are read with redis-cli from REDIS_URL, as a developer does; a server with DEBUG keeps them there.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { SoukLoop, SoukLoopError } from "@soukloop/client";
import { SoukLoopSocket, type Events } from "@soukloop/client/socket";

const baseUrl = process.argv[2] ?? "http://localhost:8000";
const redis = process.env["REDIS_URL"] ?? "redis://localhost:6379/0";
const suffix = Math.random().toString(36).slice(2, 10);
const HERE = { latitude: 25.0772, longitude: 55.1369 };
const done: string[] = [];
const step = (what: string) => void done.push(what);

/** Wait for an event that fits. */
function next<E extends keyof Events>(socket: SoukLoopSocket, event: E, fits: (data: Events[E]) => boolean = () => true) {
  return new Promise<Events[E]>((resolve, reject) => {
    const late = setTimeout(() => reject(new Error(`no ${event} within 20 s`)), 20_000);
    const stop = socket.on(event, (data) => {
      if (!fits(data)) return;
      stop();
      clearTimeout(late);
      resolve(data);
    });
  });
}

async function until(condition: () => boolean, what: string) {
  for (let tries = 0; !condition(); tries++) {
    assert(tries < 400, `not within 20 s: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

async function refusal(call: Promise<unknown>): Promise<SoukLoopError> {
  try {
    await call;
  } catch (error) {
    if (error instanceof SoukLoopError) return error;
    throw error;
  }
  throw new Error("It was not refused.");
}

async function newcomer(role: "buyer" | "seller", phone: string) {
  const client = new SoukLoop({ baseUrl });
  const username = `${role}_${suffix}`;
  const email = `${username}@example.com`;
  const password = "Marina-2026!";
  const user = await client.register({ body: { email, username, password, phone, full_name: `A ${role}`, role } });
  assert.equal(user.is_verified, false);
  await client.post("/auth/send-otp", { body: { identifier: email, type: "email" } });
  const code = execFileSync("redis-cli", ["-u", redis, "GET", `otp:${email}`], { encoding: "utf8" }).trim();
  await client.post("/auth/verify-otp", { body: { identifier: email, otp_code: code } });
  await client.login(username, password);
  const me = await client.get("/auth/me");
  assert.deepEqual([me.id, me.is_verified], [user.id, true]);
  return { client, id: user.id, username, password };
}

// Guests first: the home screen and what the app must know of the server.
const guest = new SoukLoop({ baseUrl, language: "ar" });
const [home, config] = await Promise.all([guest.get("/home", { query: HERE }), guest.get("/config")]);
assert.equal(home.badges, null);
assert(config.reactions.includes("❤️"));
step("guest");

const digits = () => String(Math.floor(Math.random() * 1e7)).padStart(7, "0");
const seller = await newcomer("seller", `+97150${digits()}`);
const buyer = await newcomer("buyer", `+97155${digits()}`);
step("register, confirm, log in");

// A refresh: calls at the same time share it, and both tokens work on.
const [first, second] = await Promise.all([buyer.client.refresh(), buyer.client.refresh()]);
assert.equal(first, second);
const wrong = await refusal(new SoukLoop({ baseUrl }).login(buyer.username, "Wrong-2026!"));
assert.deepEqual([wrong.code, wrong.status], ["invalid_credentials", 401]);
step("refresh");

const title = `Nike Air Jordan ${suffix}`;
const product = await seller.client.post("/products", {
  body: {
    title,
    description: "Size 42, never worn.",
    price: 850,
    category: "sneakers",
    condition: "new",
    feed_type: "community",
    neighborhood: "Dubai Marina",
    location: HERE,
  },
});
assert.equal(product.platform_fee, 42.5);
const incomplete = await refusal(seller.client.post("/products", { body: { title } as never }));
assert.equal(incomplete.code, "validation_error");
assert("price" in incomplete.details);
step("list a product");

const nearby = await buyer.client.get("/feeds/community", { query: { ...HERE, radius_km: 5, sort: "nearest" } });
assert(nearby.items.some((card) => card.id === product.id));
const found = await buyer.client.get("/search", { query: { q: suffix } });
assert.deepEqual(found.items.map((card) => card.id), [product.id]);
await buyer.client.post("/products/{product_id}/favorite", { path: { product_id: product.id } });
await buyer.client.post("/users/{user_id}/follow", { path: { user_id: seller.id } });
step("browse and search");

const selling = new SoukLoopSocket(seller.client);
const buying = new SoukLoopSocket(buyer.client);
const [connected] = await Promise.all([buying.connect(), selling.connect()]);
assert.equal(connected.userId, buyer.id);

const notified = next(selling, "notification:new");
const conversation = await buyer.client.post("/conversations", {
  body: { other_user_id: seller.id, product_id: product.id, initial_message: "Is this still available?" },
});
assert.equal((await notified).kind, "message_new");
const seen: string[] = [];
const inbox = await selling.joinConversation(conversation.id, { onMessage: (message) => seen.push(message.content!) }, 0);
await until(() => seen.length === 1, "the first message, caught up with");
await buying.sendMessage(conversation.id, "I can pick it up today.");
await until(() => seen.length === 2, "a message as it is sent");
assert.equal(inbox.upToSeq, 2);
assert.deepEqual(seen, ["Is this still available?", "I can pick it up today."]);
const typing = next(buying, "typing:active");
await buying.joinConversation(conversation.id, { onMessage: () => undefined });
await selling.command("typing:start", { conversation_id: conversation.id });
assert.equal((await typing).userId, seller.id);
step("chat");

const offered = next(selling, "offer:new");
const offer = await buying.makeOffer({ product_id: product.id, offered_price: 750, message: "750 today?" });
assert.equal((await offered).offerId, offer.offerId);
const accepted = await seller.client.patch("/offers/{offer_id}/accept", { path: { offer_id: offer.offerId } });
assert.equal(accepted.status, "accepted");
assert(accepted.transaction_id);
const again = await refusal(seller.client.patch("/offers/{offer_id}/accept", { path: { offer_id: offer.offerId } }));
assert.equal(again.code, "offer_accepted");
step("offer and acceptance");

const stream = await seller.client.post("/streams", {
  body: { title: "Sneakers, half price", category: "sneakers", audience: "everyone", estimated_duration: 30 },
});
const stream_id = stream.streamId;
const live = await seller.client.post("/streams/{stream_id}/go-live", {
  path: { stream_id },
  body: { camera_ready: true, checklist_complete: true },
});
assert.equal(live.status, "live");
const lines: string[] = [];
const room = await buying.joinStream(stream_id, { onMessage: (line) => lines.push(line.message) });
await selling.joinStream(stream_id, { onMessage: () => undefined });
const watching = new SoukLoopSocket(guest);
assert.equal((await watching.connect()).guest, true);
const overheard: string[] = [];
await watching.joinStream(stream_id, { onMessage: (line) => overheard.push(line.message) });
await selling.sendChat(stream_id, "Welcome!");
await until(() => overheard.includes("Welcome!"), "a line of the chat, for a guest");
assert.equal((await refusal(watching.sendChat(stream_id, "Hello"))).code, "unauthorized");
watching.close();
await until(() => lines.includes("Welcome!"), "a line of the chat");
const reacted = next(selling, "reaction:new");
await buying.command("stream:reaction", { stream_id, emoji: "❤️" });
assert.equal((await reacted).userId, buyer.id);
await room.leave();
const ended = await seller.client.post("/streams/{stream_id}/end", { path: { stream_id } });
assert.deepEqual([ended.stats.uniqueViewers >= 1, ended.stats.totalLikes], [true, 1]);
step("live stream");

const notifications = await seller.client.get("/notifications");
assert(notifications.items.some((each) => each.kind === "offer_new"));
const badges = await seller.client.get("/badges");
assert(badges.unread_notifications >= 1);
await seller.client.post("/notifications/read", { body: { all: true } });
assert.equal((await seller.client.get("/badges")).unread_notifications, 0);
step("notifications and badges");

await buyer.client.post("/auth/me/delete", { body: { password: buyer.password } });
const gone = await refusal(buyer.client.get("/auth/me"));
assert.equal(gone.status, 401);
await buyer.client.forget();
await seller.client.logout();
assert.equal(await seller.client.accessToken(), null);
buying.close();
selling.close();
step("deleted account, logout");
console.log(JSON.stringify({ done }));
