// Socket.IO 4 on Node: rooms, and a command that broadcasts. `node socketio.js <port>`
const { createServer } = require("node:http");
const { Server } = require("socket.io");

const server = createServer();
const io = new Server(server);
io.on("connection", (socket) => {
  socket.on("probe:join", ({ room }) => {
    socket.join(room);
    socket.emit("probe:joined", { room });
  });
  socket.on("probe:publish", ({ room, event, data, count }) => {
    for (let n = 0; n < count; n += 1) io.to(room).emit(event, data);
  });
});
server.listen(Number(process.argv[2]), "127.0.0.1");
