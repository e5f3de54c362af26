// Stock socket.io clients in one stream: they join, chat and react, then report what each of them received.
// Standard input: {url, streamId, tokens, messages, reactions}; standard output: one JSON object.
const { io } = require("socket.io-client");

const plan = JSON.parse(require("node:fs").readFileSync(0, "utf8"));
const emoji = ["❤️", "🔥", "👍"];
const waits = { join: [], chat: [], reaction: [] };
const refusals = [];

function ask(socket, kind, event, data) {
  const started = performance.now();
  return new Promise((resolve) => {
    socket.timeout(60000).emit(event, { stream_id: plan.streamId, ...data }, (error, ack) => {
      waits[kind].push(performance.now() - started);
      if (error || !ack.success) refusals.push(error ? String(error) : ack.error);
      resolve(ack);
    });
  });
}

async function viewer(token, number) {
  const socket = io(plan.url, { auth: { token }, forceNew: true, reconnection: false });
  const seen = { seqs: [], reactions: 0, joined: null };
  socket.on("chat:message", (message) => seen.seqs.push(message.seq));
  socket.on("reaction:new", (reaction) => (seen.reactions += reaction.count));
  socket.on("stream:joined", (joined) => (seen.joined = joined));
  socket.on("connect_error", (error) => refusals.push(error.message));
  await new Promise((resolve) => socket.once("connect", resolve));
  await ask(socket, "join", "stream:join", {});
  return { socket, seen, number };
}

async function act({ socket, number }) {
  for (let n = 0; n < plan.messages; n++) {
    await ask(socket, "chat", "stream:chat", { message: `${n + 1} from viewer ${number}` });
  }
  for (let n = 0; n < plan.reactions; n++) {
    await ask(socket, "reaction", "stream:reaction", { emoji: emoji[n % emoji.length] });
  }
}

const sleep = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));
const percentile = (values, share) => values.sort((a, b) => a - b)[Math.floor((values.length - 1) * share)];

(async () => {
  const viewers = await Promise.all(plan.tokens.map(viewer));
  await Promise.all(viewers.map(act));
  const wanted = plan.tokens.length * plan.messages;
  const reacted = plan.tokens.length * plan.reactions;
  const isComplete = ({ seen }) => seen.seqs.length >= wanted && seen.reactions >= reacted;
  for (let n = 0; n < 200 && !viewers.every(isComplete); n++) await sleep(100);
  const report = {
    refusals,
    joined: viewers.filter(({ seen }) => seen.joined?.status === "live").length,
    seqs: viewers.map(({ seen }) => seen.seqs),
    reactions: viewers.map(({ seen }) => seen.reactions),
    milliseconds: Object.fromEntries(
      Object.entries(waits).map(([kind, values]) => [
        kind,
        { count: values.length, p50: percentile(values, 0.5), p99: percentile(values, 0.99) },
      ]),
    ),
  };
  process.stdout.write(JSON.stringify(report), () => process.exit(0));
})();
