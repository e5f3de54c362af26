// The whole journey of two people, with the TypeScript client: node journey.ts <address of the server>
// One-time codes are read with redis-cli from REDIS_URL, as a developer does; a server with DEBUG keeps them there.
import assert from "node:assert/strict";
import { SoukLoop } from "@soukloop/client";
import { SoukLoopSocket } from "@soukloop/client/socket";
import { HERE, baseUrl, newcomer, next, phoneNumber, refusal, suffix, until } from "./people.ts";

const done: string[] = [];
const step = (what: string) => void done.push(what);

// Guests first: the home screen and what the app must know of the server.
const guest = new SoukLoop({ baseUrl, language: "ar" });
const [home, config] = await Promise.all([guest.get("/home", { query: HERE }), guest.get("/config")]);
assert.equal(home.badges, null);
assert(config.reactions.includes("❤️"));
step("guest");

const seller = await newcomer("seller", phoneNumber("50"));
const buyer = await newcomer("buyer", phoneNumber("55"));
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
