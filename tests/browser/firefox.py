"""A real Firefox, asked by WebDriver BiDi (https://w3c.github.io/webdriver-bidi/) with the standard library alone."""

from __future__ import annotations

import base64
import contextlib
import itertools
import json
import os
import re
import select
import shutil
import socket
import struct
import subprocess
import time

FIREFOX = os.environ.get("FIREFOX") or shutil.which("firefox-esr") or shutil.which("firefox")
LISTENS = re.compile(r"WebDriver BiDi listening on ws://127\.0\.0\.1:(\d+)")
PATIENCE = 120.0
TEXT, CLOSE, PING = 1, 8, 9
# Firefox asks nothing of other sites and shows no page of its own.
SETTINGS = """
user_pref("datareporting.policy.dataSubmissionEnabled", false);
user_pref("browser.shell.checkDefaultBrowser", false);
user_pref("browser.startup.homepage_override.mstone", "ignore");
user_pref("app.update.enabled", false);
user_pref("network.captive-portal-service.enabled", false);
user_pref("intl.accept_languages", "en-GB");
"""


class Channel:
    """A WebSocket (RFC 6455) to a browser on this machine: whole texts, one after another."""

    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=PATIENCE)
        key = base64.b64encode(os.urandom(16)).decode()
        self.socket.sendall(
            f"GET /session HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n\r\n".encode()
        )
        self.file = self.socket.makefile("rb")
        assert b" 101 " in self.file.readline()
        while self.file.readline() not in (b"\r\n", b""):
            pass

    def send(self, text: str, *, kind: int = TEXT) -> None:
        data, mask = text.encode(), os.urandom(4)
        size = len(data)
        if size < 126:
            head = struct.pack(">BB", 0x80 | kind, 0x80 | size)
        elif size < 65536:
            head = struct.pack(">BBH", 0x80 | kind, 0x80 | 126, size)
        else:
            head = struct.pack(">BBQ", 0x80 | kind, 0x80 | 127, size)
        self.socket.sendall(head + mask + bytes(byte ^ mask[at % 4] for at, byte in enumerate(data)))

    def receive(self) -> str:
        parts = []
        while True:
            first, size = struct.unpack(">BB", self.file.read(2))
            if size >= 126:
                size = int.from_bytes(self.file.read(2 if size == 126 else 8))
            data = self.file.read(size)
            kind = first & 0x0F
            if kind == CLOSE:
                raise ConnectionError("the browser has gone")
            if kind == PING:
                self.send(data.decode(), kind=10)
                continue
            parts.append(data)
            if first & 0x80:
                return b"".join(parts).decode()

    def close(self) -> None:
        self.file.close()
        self.socket.close()


class Window:
    """One tab, with what people do in it."""

    def __init__(self, channel: Channel) -> None:
        self.channel, self.numbers = channel, itertools.count(1)
        self.call("session.new", capabilities={})
        self.tab = self.call("browsingContext.getTree")["contexts"][0]["context"]

    def call(self, method: str, **params: object) -> dict:
        """Give one command and return its result; events that come meanwhile are not asked for."""
        number = next(self.numbers)
        self.channel.send(json.dumps({"id": number, "method": method, "params": params}))
        while True:
            answer = json.loads(self.channel.receive())
            if answer.get("id") == number:
                if answer["type"] == "error":
                    raise RuntimeError(f"{method}: {answer['error']}: {answer['message']}")
                return answer["result"]

    def visit(self, url: str) -> None:
        self.call("browsingContext.navigate", context=self.tab, url=url, wait="complete")

    def cookie(self, name: str, value: str, *, host: str) -> None:
        said = {"name": name, "value": {"type": "string", "value": value}, "domain": host, "path": "/"}
        self.call("storage.setCookie", cookie={**said, "httpOnly": True, "sameSite": "lax"})

    def evaluate(self, expression: str) -> object:
        """The value of an expression, which may be awaited, as JSON has it."""
        text = f"Promise.resolve({expression}).then(value => JSON.stringify(value ?? null))"
        target = {"context": self.tab}
        found = self.call("script.evaluate", expression=text, target=target, awaitPromise=True)
        if found["type"] != "success":
            raise RuntimeError(found["exceptionDetails"]["text"])
        return json.loads(found["result"]["value"])

    def until(self, expression: str) -> None:
        """Wait until this is true; a page that is being left tells nothing."""
        ends, last = time.monotonic() + PATIENCE, None
        while time.monotonic() < ends:
            with contextlib.suppress(RuntimeError):
                last = self.evaluate(expression)
                if last:
                    return
            time.sleep(0.05)
        raise TimeoutError(f"{expression} is {last} at {self.evaluate('location.href')}")

    def back(self, steps: int = 1) -> None:
        """What the browser's button does."""
        self.call("browsingContext.traverseHistory", context=self.tab, delta=-steps)

    def scroll(self, pixels: int) -> None:
        """Turn the wheel in the middle of the window."""
        x, y = self.evaluate("[innerWidth >> 1, innerHeight >> 1]")
        turn = {"type": "scroll", "x": x, "y": y, "deltaX": 0, "deltaY": pixels}
        self.call("input.performActions", context=self.tab, actions=[{"type": "wheel", "id": "w", "actions": [turn]}])

    def click(self, selector: str) -> None:
        """Bring it into the window and press it with the mouse."""
        middle = (
            f"(() => {{ const found = document.querySelector({json.dumps(selector)}); "
            "found.scrollIntoView({ block: 'center', behavior: 'instant' }); "
            "const { x, y, width, height } = found.getBoundingClientRect(); "
            "return [x + width / 2, y + height / 2].map(Math.round) })()"
        )
        x, y = self.evaluate(middle)
        steps = [
            {"type": "pointerMove", "x": x, "y": y}, {"type": "pointerDown", "button": 0},
            {"type": "pointerUp", "button": 0},
        ]  # fmt: skip
        mouse = {"type": "pointer", "id": "m", "parameters": {"pointerType": "mouse"}, "actions": steps}
        self.call("input.performActions", context=self.tab, actions=[mouse])


@contextlib.contextmanager
def opened(folder):
    """A window of a Firefox of its own, with a profile in this folder."""
    (folder / "user.js").write_text(SETTINGS)
    command = [
        FIREFOX, "--headless", "--no-remote", "--new-instance", "--profile", str(folder),
        "--remote-debugging-port", "0", "--width", "1280", "--height", "860", "about:blank",
    ]  # fmt: skip
    environment = {**os.environ, "MOZ_HEADLESS_WIDTH": "1280", "MOZ_HEADLESS_HEIGHT": "860", "HOME": str(folder)}
    with subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL) as process:
        try:
            channel = Channel(_port(process))
            yield Window(channel)
            channel.close()
        finally:
            process.terminate()


def _port(process: subprocess.Popen) -> int:
    ends, said = time.monotonic() + PATIENCE, b""
    while time.monotonic() < ends:
        if select.select([process.stderr], [], [], 1)[0]:
            more = os.read(process.stderr.fileno(), 65536)
            said += more
            found = LISTENS.search(said.decode(errors="replace"))
            if found:
                return int(found[1])
            if not more:
                break
    raise RuntimeError(f"Firefox does not listen: {said.decode(errors='replace')[-2000:]}")
