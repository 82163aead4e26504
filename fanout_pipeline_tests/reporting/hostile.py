"""Values that a user's function may return, and that would be something else in a page."""

VALUES = [
    "<script>alert(1)</script>",
    "![x](http://example.invalid/x.png)",
    "<img src=http://example.invalid/y.png onerror=alert(1)>",
    "[click](javascript:alert(1))",
    "a | b `c` \\| \\",
    "\x1b[31mred\x1b[0m\u202e\r\n# heading\n\n- list",
    "x" * 10_000_000,
    "*bold* __also__ ~~gone~~ <!-- gone -->",
    "\ud800 &lt; &amp; $math$ snake_case {{ 7 * 7 }} {% raw %}",
    None,
]
"""Ten, as many as are recorded."""
