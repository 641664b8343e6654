"""The proxy itself in the control API, and its addons."""

import os
import time

import wsproxy
from wsproxy.control.messages import StatusInfo
from wsproxy.engine.control_options import changed
from wsproxy.engine.control_request import ControlRequest
from wsproxy.store.jsontext import Timestamps

_stamp = Timestamps()


class Status(ControlRequest):
    """`/status`"""

    def get(self) -> None:
        """How it is."""
        engine = self.engine
        recorder, desk = engine.sockets.recorder, engine.desk
        status: StatusInfo = {
            "version": wsproxy.__version__,
            "pid": os.getpid(),
            "control": self.request.host,
            "listen": engine.listening,
            "modes": list(engine.options.modes),
            "capture": str(engine.options.capture.absolute()),
            "started": _stamp(engine.started),
            "uptime": (time.time_ns() - engine.started) / 1e9,
            "connections": {
                "open": len(engine.sockets),
                "fast": len(engine.sockets.fast),
                "recorded": recorder.last_connection,
            },
            "held": len(desk.held),
            "rules": sum(rule.enabled for rule in desk.rules.values()),
            "addons": len(desk.participants.loaded()),
            "queue": {
                "bytes": recorder.queued,
                "limit": recorder.limits.queue,
                "full": recorder.queued >= recorder.limits.queue,
            },
            "options": changed(engine),
        }
        self.answer(status)


class Addons(ControlRequest):
    """`/addons`"""

    def get(self) -> None:
        """The loaded ones."""
        self.answer({"addons": self.engine.desk.participants.loaded()})
