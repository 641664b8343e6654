"""
The inspector: everything about one frame, and the message it belongs to.

The last station but one in the life of a frame: `shown.load` reads it in a thread, the widget draws it.
"""

from wsproxy.tui.inspector.shown import Shown, load
from wsproxy.tui.inspector.widget import Inspector

__all__ = ["Inspector", "Shown", "load"]
