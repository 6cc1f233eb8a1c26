// Small things that every module needs: finding elements, the page's words, whether someone is typing.
export const one = (selector, root = document) => root.querySelector(selector)

// All matches below the root, and the root itself when it matches.
export const all = (selector, root = document) => {
  const found = [...root.querySelectorAll(selector)]
  return root.matches?.(selector) ? [root, ...found] : found
}

const MOMENT = 500

const words = JSON.parse(one("#words").textContent)

// The sentence under a name, with {places} filled in.
export const say = (name, values = {}) =>
  words[name].replace(/\{(\w+)\}/g, (whole, key) => (key in values ? values[key] : whole))

// A count as the server writes it: in Chinese without marks between thousands.
export const counted = (number) => {
  const { lang } = document.documentElement
  return number.toLocaleString(lang, { useGrouping: !lang.startsWith("zh") })
}

export const typing = (element) => element.matches("input:not([type=radio], [type=checkbox]), textarea, select, [contenteditable]")

export const plainKey = (event) => !event.ctrlKey && !event.metaKey && !event.altKey

export const token = () => JSON.parse(document.body.getAttribute("hx-headers"))["X-CSRFToken"]

export const notify = (text, { bad = false, keep = false, stay = false } = {}) => {
  const place = one("#notice")
  const line = document.createElement("div")
  line.className = bad ? "notice bad" : "notice"
  line.dataset.notice = ""
  line.append(Object.assign(document.createElement("p"), { textContent: text }))
  place.replaceChildren(line)
  if (!stay) setTimeout(() => line.remove(), keep ? 10000 : bad ? 8000 : 4000)
  return line
}

// Say what goes on while something takes longer than a moment; it may say how far it is.
export const during = async (text, work) => {
  const bar = Object.assign(document.createElement("progress"), { className: "bar-all", ariaLabel: text })
  let line = null
  const timer = setTimeout(() => (line = notify(text, { stay: true })), MOMENT)
  const tell = (done, of) => line?.append(Object.assign(bar, { max: of, value: done }))
  try {
    return await work(tell)
  } finally {
    clearTimeout(timer)
    line?.remove()
  }
}

// Post to a page that answers a script in JSON; null, and a notice that says why, where it refuses.
export const post = async (url, body, options = {}) => {
  const headers = { Accept: "application/json", "X-CSRFToken": token() }
  const response = await fetch(url, { method: "POST", body, headers, ...options }).catch(() => null)
  const answer = await response?.json().catch(() => null)
  if (response?.ok) return answer
  notify(answer?.error?.message ?? say("broken"), { bad: true })
  return null
}
