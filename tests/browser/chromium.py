"""A headless Chromium, driven over the pipe of its DevTools protocol: no driver, no socket."""

import base64
import fcntl
import json
import os
import shutil
import subprocess
import time
from contextlib import suppress
from pathlib import Path

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
OPTIONS = (
    "--headless=new",
    "--remote-debugging-pipe",
    "--no-sandbox",  # root, as in a container, may not use one
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--no-first-run",
    "--hide-scrollbars",
)
READ, WRITE = 3, 4  # the browser's ends of the two pipes


def find_chromium() -> str | None:
    """The program, if there is one here."""
    return next(filter(None, map(shutil.which, NAMES)), None)


class PageError(AssertionError):
    """A script of the page, or an expression, raised."""


class Chromium:
    """One page of a browser. requests: the addresses that it has asked for. errors: what its
    scripts raised."""

    def __init__(self, profile: Path, width: int = 1280, height: int = 800):
        to_browser, self._out = (_high(end) for end in os.pipe())
        self._in, from_browser = (_high(end) for end in os.pipe())
        self._buffer, self._number = b"", 0
        self.requests: list[str] = []
        self.errors: list[str] = []
        self._process = subprocess.Popen(
            [
                find_chromium(),
                *OPTIONS,
                f"--window-size={width},{height}",
                f"--user-data-dir={profile}",
            ],
            preexec_fn=lambda: (os.dup2(to_browser, READ), os.dup2(from_browser, WRITE)),
            close_fds=False,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        os.close(to_browser)
        os.close(from_browser)
        self._session = None
        target = self._call("Target.createTarget", url="about:blank")["targetId"]
        attached = self._call("Target.attachToTarget", targetId=target, flatten=True)
        self._session = attached["sessionId"]
        for domain in ("Page", "Runtime", "Network"):
            self._call(f"{domain}.enable")
        size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
        self._call("Emulation.setDeviceMetricsOverride", **size)

    def open(self, url: str) -> None:
        """Go to an address."""
        self._call("Page.navigate", url=url)

    def evaluate(self, expression: str):
        """Value of a JavaScript expression; of a promise, what it resolves to."""
        found = self._call(
            "Runtime.evaluate", expression=expression, awaitPromise=True, returnByValue=True
        )
        if "exceptionDetails" in found:
            raise PageError(json.dumps(found["exceptionDetails"], indent=1))
        return found["result"].get("value")

    def wait(self, condition: str, seconds: float = 20):
        """The value of an expression as soon as it is true, also while the page loads."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            with suppress(PageError):
                if value := self.evaluate(condition):
                    return value
            time.sleep(0.05)
        raise PageError(f"after {seconds} s still not: {condition}\n{self.errors}")

    def press(self, key: str) -> None:
        """One key on whatever has the focus: Tab, Enter, or a character."""
        code = {"Tab": 9, "Enter": 13}.get(key, ord(key[0]))
        text = {"Enter": "\r", "Tab": ""}.get(key, key)
        event = {"key": key, "windowsVirtualKeyCode": code}
        self._call("Input.dispatchKeyEvent", type="keyDown", text=text, **event)
        self._call("Input.dispatchKeyEvent", type="keyUp", **event)

    def screenshot(self, path: Path) -> None:
        """What the window shows, as PNG."""
        found = self._call("Page.captureScreenshot", format="png")
        path.write_bytes(base64.b64decode(found["data"]))

    def close(self) -> None:
        """End the browser."""
        self._session = None
        with suppress(OSError, EOFError):
            self._call("Browser.close")
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        os.close(self._in)
        os.close(self._out)

    def _call(self, method: str, **params) -> dict:
        self._number += 1
        message = {"id": self._number, "method": method, "params": params}
        if self._session:
            message["sessionId"] = self._session
        os.write(self._out, json.dumps(message).encode() + b"\0")
        while True:
            found = self._receive()
            if found.get("id") == self._number:
                if "error" in found:
                    raise PageError(f"{method}: {found['error']}")
                return found["result"]
            self._note(found)

    def _note(self, event: dict) -> None:
        params = event.get("params", {})
        if event.get("method") == "Network.requestWillBeSent":
            self.requests.append(params["request"]["url"])
        if event.get("method") == "Runtime.exceptionThrown":
            self.errors.append(json.dumps(params["exceptionDetails"])[:1000])

    def _receive(self) -> dict:
        while b"\0" not in self._buffer:
            part = os.read(self._in, 1 << 20)
            if not part:
                raise EOFError("the browser has ended")
            self._buffer += part
        message, _, self._buffer = self._buffer.partition(b"\0")
        return json.loads(message)


def _high(end: int) -> int:
    """The same end of a pipe under a number that is none of the browser's."""
    moved = fcntl.fcntl(end, fcntl.F_DUPFD_CLOEXEC, 10)
    os.close(end)
    return moved
