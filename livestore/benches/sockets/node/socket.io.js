// Socket.IO itself: a room for each key and role, over WebSockets alone.

import { createServer } from "node:http";
import { Server } from "socket.io";
import { roles, serve, told } from "./writer.js";

const name = (key, role) => `${key}/${role}`;

const http = createServer();
const io = new Server(http, { transports: ["websocket"], serveClient: false, pingInterval: 3_600_000 });
io.on("connection", (socket) => {
  socket.on("sub", (role, asked) => {
    for (const key of asked) {
      socket.join(name(key, role));
      socket.emit("u", told(key, role));
    }
  });
});
http.listen(0, "127.0.0.1", 4096, () =>
  serve(http.address().port, (key) => {
    for (let role = 0; role < roles; role += 1) io.to(name(key, role)).emit("u", told(key, role));
  }),
);
