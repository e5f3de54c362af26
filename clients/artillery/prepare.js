// Make what the recipe needs: a seller who is live, and viewers, whose tokens go into viewers.csv.
//   node clients/artillery/prepare.js [address] [viewers] [file]
import { writeFileSync } from "node:fs";

const [address = "http://localhost:8000", viewers = "100", file = "viewers.csv"] = process.argv.slice(2);

async function post(path, body, token) {
  const headers = { "Content-Type": "application/json", ...(token && { Authorization: `Bearer ${token}` }) };
  const response = await fetch(`${address}/api/v1${path}`, { method: "POST", headers, body: JSON.stringify(body) });
  const answer = await response.json();
  if (!response.ok) throw new Error(`${path}: ${response.status} ${JSON.stringify(answer.error)}`);
  return answer.data;
}

async function register(role) {
  const username = `${role}_${crypto.randomUUID().slice(0, 13).replaceAll("-", "")}`;
  const person = { email: `${username}@example.com`, username, password: "Marina-2026!", full_name: `A ${role}`, role };
  return (await post("/auth/register", person)).access_token;
}

const seller = await register("seller");
const stream = { title: "Sneakers, half price", category: "sneakers", audience: "everyone" };
const { streamId } = await post("/streams", stream, seller);
await post(`/streams/${streamId}/go-live`, { camera_ready: true, checklist_complete: true }, seller);
const rows = [];
for (let number = 0; number < Number(viewers); number++) rows.push(`${await register("buyer")},${streamId}`);
writeFileSync(file, `${rows.join("\n")}\n`);
console.log(JSON.stringify({ streamId, viewers: rows.length, file }));
