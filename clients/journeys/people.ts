// What the journeys share: people who register, and waiting for events.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { SoukLoop, SoukLoopError } from "@soukloop/client";
import { SoukLoopSocket, type Events } from "@soukloop/client/socket";

export const baseUrl = process.argv[2] ?? "http://localhost:8000";
export const suffix = Math.random().toString(36).slice(2, 10);
export const HERE = { latitude: 25.0772, longitude: 55.1369 };
const redis = process.env["REDIS_URL"] ?? "redis://localhost:6379/0";

/** Return a number of a mobile phone in the Emirates that nobody else has. */
export const phoneNumber = (prefix: "50" | "55") => `+971${prefix}${String(Math.floor(Math.random() * 1e7)).padStart(7, "0")}`;

/** Wait for an event that fits. */
export function next<E extends keyof Events>(
  socket: SoukLoopSocket,
  event: E,
  fits: (data: Events[E]) => boolean = () => true,
) {
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

/** Ask until there is an answer. */
export async function eventually<T>(what: string, ask: () => T | undefined | Promise<T | undefined>): Promise<T> {
  for (let tries = 0; tries < 400; tries++) {
    const answer = await ask();
    if (answer !== undefined) return answer;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error(`not within 20 s: ${what}`);
}

export const until = (condition: () => boolean, what: string) => eventually(what, () => condition() || undefined);

export async function refusal(call: Promise<unknown>): Promise<SoukLoopError> {
  try {
    await call;
  } catch (error) {
    if (error instanceof SoukLoopError) return error;
    throw error;
  }
  throw new Error("It was not refused.");
}

/** Confirm an email address or phone number with the code that was sent to it. */
export async function confirm(client: SoukLoop, identifier: string, type: "email" | "phone") {
  await client.post("/auth/send-otp", { body: { identifier, type } });
  const code = execFileSync("redis-cli", ["-u", redis, "GET", `otp:${identifier}`], { encoding: "utf8" }).trim();
  await client.post("/auth/verify-otp", { body: { identifier, otp_code: code } });
}

export async function newcomer(role: "buyer" | "seller", phone: string, name: string = role) {
  const client = new SoukLoop({ baseUrl });
  const username = `${name}_${suffix}`;
  const email = `${username}@example.com`;
  const password = "Marina-2026!";
  const user = await client.register({ body: { email, username, password, phone, full_name: `A ${name}`, role } });
  assert.equal(user.is_verified, false);
  await confirm(client, email, "email");
  await client.login(username, password);
  const me = await client.get("/auth/me");
  assert.deepEqual([me.id, me.is_verified], [user.id, true]);
  return { client, id: user.id, username, password, phone };
}
