// The bare `ws` server on Node, rooms by hand, each event encoded once. `node ws.js <port>`
const { WebSocketServer } = require("ws");

const rooms = new Map();
const server = new WebSocketServer({ port: Number(process.argv[2]), host: "127.0.0.1", perMessageDeflate: false });
server.on("connection", (socket) => {
  socket.on("message", (raw) => {
    const { event, data } = JSON.parse(raw);
    if (event === "probe:join") {
      if (!rooms.has(data.room)) rooms.set(data.room, new Set());
      const members = rooms.get(data.room);
      members.add(socket);
      socket.on("close", () => members.delete(socket));
      socket.send(JSON.stringify({ event: "probe:joined", data }));
    } else if (event === "probe:publish") {
      for (let n = 0; n < data.count; n += 1) {
        const text = JSON.stringify({ event: data.event, data: data.data });
        for (const member of rooms.get(data.room)) member.send(text);
      }
    }
  });
});
