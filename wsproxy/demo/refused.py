"""`/refused`: a handshake that fails, which is what people debug first."""

from tornado.web import RequestHandler

BODY = {"error": "refused", "reason": "demo: this endpoint accepts nobody"}


class Refused(RequestHandler):
    """Answers 403 to everybody, in JSON."""

    def get(self) -> None:
        """An upgrade is a GET request."""
        self.set_status(403)
        self.finish(BODY)
