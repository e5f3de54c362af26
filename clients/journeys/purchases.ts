// Purchases in each way, with the TypeScript client: node purchases.ts <address of the server>
// Cards are test cards of the sandbox, which is the default provider; a worker must run.
import assert from "node:assert/strict";
import { SoukLoop } from "@soukloop/client";
import { SoukLoopSocket, type Events } from "@soukloop/client/socket";
import { HERE, baseUrl, confirm, eventually, newcomer, next, phoneNumber, refusal, suffix, until } from "./people.ts";

const done: string[] = [];
const step = (what: string) => void done.push(what);
type Person = Awaited<ReturnType<typeof newcomer>>;

/** Call the sandbox, which plays another server: a payer's or seller's page uses these addresses. */
async function sandbox(path: string, body: object) {
  const headers = { "Content-Type": "application/json" };
  const response = await fetch(`${baseUrl}/sandbox/${path}`, { method: "POST", headers, body: JSON.stringify(body) });
  const answer = (await response.json()) as { success: boolean; data: Record<string, unknown> };
  assert(answer.success, JSON.stringify(answer));
  return answer.data;
}

/** Note what happens to each order, as one person's socket tells it. */
async function follow(person: Person) {
  const socket = new SoukLoopSocket(person.client);
  const steps = new Map<string, string[]>();
  const note = ({ orderId, what }: Events["order:updated"]) => void steps.set(orderId, [...(steps.get(orderId) ?? []), what]);
  socket.on("order:created", note);
  socket.on("order:updated", note);
  await socket.connect();
  return {
    socket,
    /** Wait until exactly these steps were told of, in any order: two processes send them. */
    async expect(orderId: string, ...expected: string[]) {
      await until(() => (steps.get(orderId) ?? []).length >= expected.length, `${expected}, but ${steps.get(orderId)}`);
      assert.deepEqual([...steps.get(orderId)!].sort(), [...expected].sort());
    },
    /** Wait until a step was told of `times` times. */
    async reach(orderId: string, what: string, times = 1) {
      const count = () => (steps.get(orderId) ?? []).filter((each) => each === what).length;
      await until(() => count() >= times, `${what} of ${orderId}`);
    },
  };
}

const seller = await newcomer("seller", phoneNumber("50"));
const buyer = await newcomer("buyer", phoneNumber("55"));
const rival = await newcomer("buyer", phoneNumber("55"), "rival");
const [selling, buying] = await Promise.all([follow(seller), follow(buyer)]);
const both = (orderId: string, ...steps: string[]) =>
  Promise.all([selling.expect(orderId, ...steps), buying.expect(orderId, ...steps)]);

async function list(title: string, price: number) {
  const { id } = await seller.client.post("/products", {
    body: {
      title: `${title} ${suffix}`,
      description: "Never used.",
      price,
      category: "home_furniture",
      condition: "new",
      feed_type: "community",
      neighborhood: "Dubai Marina",
      location: HERE,
    },
  });
  return id;
}

const optionsOf = async (product_id: string) =>
  (await buyer.client.get("/products/{product_id}", { path: { product_id } })).buying;
const orderOf = (person: Person, order_id: string) => person.client.get("/orders/{order_id}", { path: { order_id } });

/** Wait until the payment can be made, and return the secret that opens the provider's form. */
async function secretOf(orderId: string, times = 1) {
  await buying.reach(orderId, "payment_ready", times);
  const { payment } = await orderOf(buyer, orderId);
  assert.equal(payment!.state, "requires_action");
  assert.equal(payment!.url, payment!.client_settings!["payment_url"]!.replace("{client_secret}", payment!.client_secret!));
  return payment!.client_secret!;
}

// Until the seller's account is ready, a product can be bought in person alone.
const pot = await list("Brass coffee pot", 850);
assert.deepEqual((await optionsOf(pot))!.payment_methods, ["in_person"]);
const accountReady = next(selling.socket, "notification:new", ({ kind }) => kind === "payment_account_ready");
const { url } = await seller.client.post("/payments/account/onboarding");
await sandbox(`onboarding/${new URL(url).pathname.split("/").pop()}/complete`, {});
await accountReady;
const account = await seller.client.get("/payments/account");
assert.deepEqual([account.state, account.charges_enabled, account.requirements], ["ready", true, []]);
assert.deepEqual((await optionsOf(pot))!.payment_methods, ["card", "in_person"]);
step("account of the seller");

// By card, handed over in person: a card that is declined, then one whose bank asks.
{
  const order = await buyer.client.post("/orders", {
    body: { product_id: pot, payment_method: "card", delivery: "meet_up" },
  });
  assert.deepEqual([order.state, order.side, order.price], ["pending_payment", "buyer", 850]);
  assert.deepEqual(order.actions, ["pay", "cancel"]);
  const late = rival.client.post("/orders", { body: { product_id: pot, payment_method: "card", delivery: "meet_up" } });
  assert.equal((await refusal(late)).code, "product_reserved");
  const first = await secretOf(order.id);
  await sandbox(`payments/${first}/confirm`, { card: "declined" });
  await buying.reach(order.id, "payment_failed");
  assert.equal((await orderOf(buyer, order.id)).payment!.failure_code, "card_declined");

  await buyer.client.post("/orders/{order_id}/pay", { path: { order_id: order.id } });
  const second = await secretOf(order.id, 2);
  assert.notEqual(second, first);
  const asked = await sandbox(`payments/${second}/confirm`, { card: "challenge" });
  assert.deepEqual([asked["state"], asked["needs_challenge"]], ["requires_action", true]);
  await sandbox(`payments/${second}/challenge`, { answer: "pass" });
  await buying.reach(order.id, "paid");

  const path = { order_id: order.id };
  const { hand_over_code } = await orderOf(buyer, order.id);
  const picture = await buyer.client.get("/orders/{order_id}/hand-over-code.svg", { path });
  assert.match(await picture.text(), /^<svg/);
  const seen = await orderOf(seller, order.id);
  assert.deepEqual([seen.hand_over_code, seen.payment, seen.platform_fee, seen.seller_payout], [null, null, 42.5, 807.5]);
  const code = hand_over_code === "000000" ? "000001" : "000000";
  const wrong = await refusal(seller.client.post("/orders/{order_id}/hand-over", { path, body: { code } }));
  assert.deepEqual([wrong.code, wrong.details["attempts_left"]], ["hand_over_code_wrong", 4]);
  await seller.client.post("/orders/{order_id}/hand-over", { path, body: { code: hand_over_code! } });
  await buying.reach(order.id, "handed_over");
  assert.equal((await buyer.client.post("/orders/{order_id}/confirm", { path })).state, "completed");
  const paying = ["payment_ready", "payment_failed", "payment_begun", "payment_ready", "authorised", "paid"];
  await both(order.id, "created", ...paying, "wrong_code", "handed_over", "completed");
  assert.equal((await optionsOf(pot))!.reason, "product_not_available");
  step("card with a challenge, handed over in person");
}

// By card, sent, and reviewed by both.
{
  await confirm(buyer.client, buyer.phone, "phone");
  const home = { recipient: "Rana", phone: buyer.phone, emirate: "dubai", area: "Dubai Marina", building: "Marina Heights" } as const;
  const address = await buyer.client.post("/addresses", { body: home });
  const product_id = await list("Lamp", 100);
  const body = { product_id, payment_method: "card", delivery: "shipping", address_id: address.id } as const;
  const order = await buyer.client.post("/orders", { body });
  const path = { order_id: order.id };
  assert.equal((await orderOf(seller, order.id)).shipping_address, null); // not before it is paid
  await sandbox(`payments/${await secretOf(order.id)}/confirm`, { card: "success" });
  await selling.reach(order.id, "paid");
  assert.equal((await orderOf(seller, order.id)).shipping_address!.recipient, "Rana");
  const shipment = { carrier: "aramex", tracking_number: "3412 9876 543" } as const;
  const sent = await seller.client.post("/orders/{order_id}/ship", { path, body: shipment });
  assert.deepEqual([sent.state, sent.tracking_number], ["shipped", "34129876543"]);
  await buying.reach(order.id, "shipped");
  assert.match((await orderOf(buyer, order.id)).tracking_url!, /34129876543/);
  assert.equal((await refusal(seller.client.post("/orders/{order_id}/cancel", { path, body: {} }))).code, "order_shipped");
  await buyer.client.post("/orders/{order_id}/confirm", { path });
  await both(order.id, "created", "payment_ready", "authorised", "paid", "shipped", "completed");

  const receipt = await eventually("the receipt", async () => {
    const { items } = await buyer.client.get("/documents", { query: { kind: "receipt", reference: order.id } });
    return items[0];
  });
  const pdf = await buyer.client.get("/documents/{document_id}.pdf", { path: { document_id: receipt.id } });
  assert.match(await pdf.text(), /^%PDF/);
  await buyer.client.post("/reviews", { body: { order_id: order.id, rating: 5, text: "As described." } });
  const waiting = await seller.client.get("/reviews/pending");
  assert.equal(waiting.items.find((each) => each.order_id === order.id)!.has_other_written, true);
  await seller.client.post("/reviews", { body: { order_id: order.id, rating: 4 } });
  const profile = await rival.client.get("/users/{user_id}", { path: { user_id: seller.id } });
  assert.deepEqual(profile.rating, { average: 5, count: 1 });
  step("card, sent and reviewed");
}

// In person: no card, no provider; the code proves the hand-over.
{
  const product_id = await list("Carpet", 200);
  const order = await buyer.client.post("/orders", {
    body: { product_id, payment_method: "in_person", delivery: "meet_up" },
  });
  const path = { order_id: order.id };
  assert.equal(order.state, "authorised");
  await selling.reach(order.id, "authorised_in_person");
  const { hand_over_code } = await orderOf(buyer, order.id);
  await seller.client.post("/orders/{order_id}/hand-over", { path, body: { code: hand_over_code! } });
  await buyer.client.post("/orders/{order_id}/confirm", { path });
  await both(order.id, "created", "authorised_in_person", "handed_over", "completed");
  assert.equal((await seller.client.get("/balance")).debt, 10); // our fee of 5 %
  step("in person with the code");
}

// An accepted offer, paid by card; the seller cancels, and the buyer has the money again.
{
  const product_id = await list("Mirror", 300);
  const accepted = next(buying.socket, "offer:accepted");
  const offer = await buying.socket.makeOffer({ product_id, offered_price: 250 });
  await seller.client.patch("/offers/{offer_id}/accept", { path: { offer_id: offer.offerId } });
  await accepted;
  const body = { offer_id: offer.offerId, payment_method: "card", delivery: "meet_up" } as const;
  const order = await buyer.client.post("/orders", { body });
  assert.deepEqual([order.state, order.price], ["pending_payment", 250]);
  assert.equal((await refusal(buyer.client.post("/orders", { body }))).code, "order_exists");
  await sandbox(`payments/${await secretOf(order.id)}/confirm`, { card: "success" });
  await buying.reach(order.id, "paid");
  await seller.client.post("/orders/{order_id}/cancel", { path: { order_id: order.id }, body: { reason: "It broke." } });
  await both(order.id, "created", "payment_ready", "authorised", "paid", "cancelled", "refunded");
  assert.equal((await orderOf(buyer, order.id)).state, "refunded");
  step("an accepted offer, refunded");
}

// In a live stream: everybody in the room sees that somebody buys, gives up, and buys.
{
  const product_id = await list("Oud", 400);
  const plan = { title: "Oud and more", category: "home_furniture", product_ids: [product_id] };
  const { streamId } = await seller.client.post("/streams", { body: plan });
  const ready = { camera_ready: true, checklist_complete: true };
  await seller.client.post("/streams/{stream_id}/go-live", { path: { stream_id: streamId }, body: ready });
  const watching = new SoukLoopSocket(new SoukLoop({ baseUrl }));
  await watching.joinStream(streamId, { onMessage: () => undefined });
  const shows = <E extends "product:reserved" | "product:available" | "product:sold">(event: E) =>
    next(watching, event, (data) => data.productId === product_id && data.streamId === streamId);
  const body = { product_id, payment_method: "card", delivery: "meet_up" } as const;

  let reserved = shows("product:reserved");
  const available = shows("product:available");
  const given_up = await buyer.client.post("/orders", { body });
  await reserved;
  await buyer.client.post("/orders/{order_id}/cancel", { path: { order_id: given_up.id }, body: {} });
  await available;
  reserved = shows("product:reserved");
  const sold = shows("product:sold");
  const order = await buyer.client.post("/orders", { body });
  assert.equal(order.stream_id, streamId);
  await reserved;
  await sandbox(`payments/${await secretOf(order.id)}/confirm`, { card: "success" });
  assert.equal((await sold).price, 400);
  await both(order.id, "created", "payment_ready", "authorised", "paid");
  watching.close();
  await seller.client.post("/streams/{stream_id}/end", { path: { stream_id: streamId } });
  step("in a live stream");
}

// What the seller has of it.
const balance = await seller.client.get("/balance");
assert.equal(balance.pending, 380); // of the last one, which isn't handed over
assert.equal(balance.available + balance.on_its_way, 807.5 + 95);
const sales = await seller.client.get("/sales", { query: { state: "completed" } });
assert.equal(sales.total, 3);
const [statement] = (await seller.client.get("/statements")).items;
const csv = await seller.client.get("/statements/{month}.csv", { path: { month: statement!.month } });
assert.match(await csv.text(), /,807.50,|,850.00,/);
step("balance, sales and statement");

buying.socket.close();
selling.socket.close();
console.log(JSON.stringify({ done }));
