"""A client of the protocol in Python, with a library that knows nothing of it: subscribes, commands, lags, comes back.

Speaks to the chat of the examples: `client.py PORT`.
"""

import asyncio
import json
import sys
import time
import uuid

import websockets


def applied(value, patch):
    """Applies a patch as `protocol.md` describes it."""
    for path, *change in patch:
        if not path and len(change) == 1:
            value = change[0]
            continue
        at = value
        for key in path if len(change) == 3 else path[:-1]:
            at = at[key]
        if not change:
            del at[path[-1]]
        elif len(change) == 1 and path[-1:] == [len(at)]:
            at.append(change[0])
        elif len(change) == 1:
            at[path[-1]] = change[0]
        else:
            start, delete, items = change
            at[start : start + delete] = items
    return value


class Client:
    def __init__(self, socket):
        self.socket, self.ids, self.value, self.ver, self.r, self.patches = socket, 0, None, 0, None, 0

    async def hear(self):
        """Takes one message, and does with its frames what a client does."""
        frames = [json.loads(text) for text in (await self.socket.recv()).split("\n")]
        for frame in frames:
            if frame["t"] == "ping":
                await self.socket.send('{"t":"pong"}')
            if frame.get("s") == "room@here" or frame["t"] not in ("snap", "upd"):
                continue
            if frame["t"] == "snap" or frame["ver"] > self.ver:
                assert frame.get("from", 0) <= self.ver, frame
                if "p" in frame:
                    self.value = applied(self.value, frame["p"])
                    self.patches += 1
                else:
                    self.value = frame["v"]
                self.ver, self.r = frame["ver"], frame["r"]
        return frames

    async def ask(self, **frame):
        self.ids += 1
        await self.socket.send(json.dumps({**frame, "id": self.ids}))
        while True:
            for answer in await self.hear():
                if answer.get("id") == self.ids:
                    return answer

    async def say(self, key, text):
        return await self.ask(t="cmd", s="room", k=key, c={"say": text})


async def connect(port, name):
    token = f"livestore.token.{uuid.uuid4()}_{name.encode().hex()}"
    socket = await websockets.connect(
        f"ws://127.0.0.1:{port}/live",
        origin=f"http://127.0.0.1:{port}",
        subprotocols=["livestore.v1.json", token],
    )
    assert socket.subprotocol == "livestore.v1.json"
    client = Client(socket)
    hello = (await client.hear())[0]
    assert hello["t"] == "hello" and hello["v"] == 1, hello
    client.epoch = hello["epoch"]
    return client


async def same(client, key):
    """Waits until the client has the version that there is, and compares."""
    there = await client.ask(t="get", s="room", k=key)
    while client.ver < there["ver"]:
        await client.hear()
    assert client.value == there["v"], f"at {client.ver} it is not what is read at {there['ver']}"


async def main(port):
    # The key of the lobby stands in the address to which it redirects.
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"GET /lobby HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    answer = (await reader.read()).decode()
    key = answer.split("location: /room/")[1][:36]

    ann, ben = await connect(port, "Ann"), await connect(port, "Bén")
    for client in ann, ben:
        for store in "room", "room@here":
            reply = await client.ask(t="sub", s=store, keys=[{"k": key}])
            assert reply["subs"] == [{"k": key}], reply
    begun = time.monotonic()
    for number in range(120):
        reply = await (ann if number % 2 else ben).say(key, f"line {number}")
        assert reply["t"] == "ok", reply
    took = (time.monotonic() - begun) / 120 * 1000
    refused = await ann.say(key, " ")
    assert refused["code"] == "rejected" and "characters" in refused["err"], refused
    conflict = await ann.ask(t="cmd", s="room", k=key, c={"say": "?"}, epoch=ann.epoch, **{"if": 1})
    assert conflict["code"] == "conflict", conflict
    for client in ann, ben:
        await same(client, key)
        assert client.patches > 50, client.patches
    assert len(ann.value["lines"]) == 100 and ann.value["lines"][-1]["text"] == "line 119"

    # Ben is cut off, misses something, and comes back with what he has: a patch leads on from there.
    ben.socket.transport.abort()
    back = await connect(port, "Bén")
    assert back.epoch == ben.epoch
    back.value, back.ver, back.r, back.patches = ben.value, ben.ver, ben.r, 0
    await ann.say(key, "while Ben was away")
    # Until it has been told to somebody, nothing leads there.
    await same(ann, key)
    wanted = {"k": key, "ver": back.ver, "r": back.r}
    reply = await back.ask(t="sub", s="room", epoch=back.epoch, keys=[wanted])
    assert "err" not in reply["subs"][0], reply
    while back.value["lines"][-1]["text"] != "while Ben was away":
        await back.hear()
    await same(back, key)
    assert back.patches == 1, back.patches
    reply = await back.ask(t="sub", s="room", epoch=back.epoch, keys=[{"k": key, "ver": back.ver, "r": back.r}])
    assert reply["subs"] == [{"k": key, "same": True}], reply
    print(f"websockets {websockets.__version__}: {ann.patches} patches, {took:.1f} ms a command, one resume")


asyncio.run(asyncio.wait_for(main(int(sys.argv[1])), 60))
