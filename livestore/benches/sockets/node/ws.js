// The usual WebSockets of Node: each update is encoded once.

import { createServer } from "node:http";
import { WebSocketServer } from "ws";
import { keys, roles, serve, told } from "./writer.js";

const followers = new Map(keys.map((key) => [key, Array.from({ length: roles }, () => new Set())]));
const encoded = (key, role) => Buffer.from(JSON.stringify(told(key, role)));
const text = { binary: false };

const http = createServer();
const server = new WebSocketServer({ server: http });
server.on("connection", (socket, request) => {
  const role = Number(request.url.split("?")[1]);
  let asked = [];
  socket.on("error", () => {});
  socket.once("message", (data) => {
    asked = JSON.parse(data);
    for (const key of asked) {
      followers.get(key)[role].add(socket);
      socket.send(encoded(key, role), text);
    }
  });
  socket.on("close", () => asked.forEach((key) => followers.get(key)[role].delete(socket)));
});
http.listen(0, "127.0.0.1", 4096, () =>
  serve(http.address().port, (key) => {
    followers.get(key).forEach((sockets, role) => {
      const frame = encoded(key, role);
      for (const socket of sockets) socket.send(frame, text);
    });
  }),
);
