"""A text that somebody else wrote, put where Streamlit reads Markdown: labels of buttons, badges, links and fields.

A picture in such a text would ask another host for itself as soon as the page is drawn.

>>> print(plain("![x](http://beacon.example/p.png)"))
`![x](http://beacon.example/p.png)`
>>> print(plain("a ` b"), plain("`a"))
``a ` b`` `` `a ``
"""

import re


def plain(text: str) -> str:
    """The text on one line as Markdown's code, in which nothing else is Markdown, however many backticks it holds."""
    line = " ".join(text.split())
    fence = "`" * (1 + max(map(len, re.findall("`+", line)), default=0))
    room = " " if "`" in (line[:1], line[-1:]) else ""  # Markdown takes it away again
    return f"{fence}{room}{line}{room}{fence}" if line else ""
