// The stock socket.io-client, driven by a test: one JSON object a line, in by stdin, out by stdout.
const readline = require("node:readline");
const { io } = require("socket.io-client");

const [url, options] = [process.argv[2], JSON.parse(process.argv[3])];
const socket = io(url, options);

const tell = (message) => process.stdout.write(JSON.stringify(message) + "\n");

socket.on("connect", () => tell({ type: "connect" }));
socket.on("connect_error", (error) =>
  tell({ type: "connect_error", message: error.message, data: error.data ?? null }),
);
socket.on("disconnect", (reason) => tell({ type: "disconnect", reason }));
socket.onAny((event, data) => tell({ type: "event", event, data: data ?? null }));
socket.io.on("open", () => {
  tell({ type: "transport", name: socket.io.engine.transport.name });
  socket.io.engine.on("upgrade", (transport) => tell({ type: "transport", name: transport.name }));
});
socket.io.on("reconnect_attempt", () => tell({ type: "reconnect_attempt" }));

readline.createInterface({ input: process.stdin }).on("line", (line) => {
  const order = JSON.parse(line);
  if (order.op === "emit") {
    socket.emit(order.event, ...order.arguments);
  } else if (order.op === "call") {
    socket.timeout(order.timeout).emit(order.event, ...order.arguments, (error, ack) => {
      tell(error ? { type: "ack", id: order.id, timeout: true } : { type: "ack", id: order.id, ack });
    });
  } else if (order.op === "auth") {
    socket.auth = order.auth;
  } else if (order.op === "connect") {
    socket.connect();
  } else if (order.op === "disconnect") {
    socket.disconnect();
  } else if (order.op === "drop") {
    socket.io.engine.close(); // as a lost network would; the client comes back by itself
  }
});
process.stdin.on("end", () => process.exit(0));
