// The stock socket.io-client, controlled by a test: orders come on stdin and reports go to stdout, one JSON
// object per line.
const readline = require("node:readline");
const { io } = require("socket.io-client");

const [url, options] = [process.argv[2], JSON.parse(process.argv[3])];
const socket = io(url, options);

const report = (message) => process.stdout.write(JSON.stringify(message) + "\n");

socket.on("connect", () => report({ type: "connect" }));
socket.on("connect_error", (error) =>
  report({ type: "connect_error", message: error.message, data: error.data ?? null }),
);
socket.on("disconnect", (reason) => report({ type: "disconnect", reason }));
socket.onAny((event, data) => report({ type: "event", event, data: data ?? null }));
socket.io.on("open", () => {
  report({ type: "transport", name: socket.io.engine.transport.name });
  socket.io.engine.on("upgrade", (transport) => report({ type: "transport", name: transport.name }));
});
socket.io.on("reconnect_attempt", () => report({ type: "reconnect_attempt" }));

readline.createInterface({ input: process.stdin }).on("line", (line) => {
  const order = JSON.parse(line);
  if (order.op === "emit") {
    socket.emit(order.event, ...order.arguments);
  } else if (order.op === "call") {
    socket.timeout(order.timeout).emit(order.event, ...order.arguments, (error, ack) => {
      report(error ? { type: "ack", id: order.id, timeout: true } : { type: "ack", id: order.id, ack });
    });
  } else if (order.op === "auth") {
    socket.auth = order.auth;
  } else if (order.op === "connect") {
    socket.connect();
  } else if (order.op === "disconnect") {
    socket.disconnect();
  } else if (order.op === "drop") {
    socket.io.engine.close(); // as if the network were lost; the client reconnects automatically
  }
});
process.stdin.on("end", () => process.exit(0));
