// Questions answered by keys or clicks: one is at hand, each answer is kept at once, and the next list comes by itself.
import { all, one, plainKey, post, typing } from "./dom.js"

const waiting = new Map()
let hand = null
let last = null
let busy = false

const start = () => {
  document.addEventListener("keydown", onKey)
  document.addEventListener("change", (event) => event.target.closest("[data-asking]") && event.target.name && answered(event.target))
  addEventListener("pagehide", () => waiting.size && post(last.action, taken(), { keepalive: true }))
  show()
}

// The list that keys answer; others on the page are answered by clicks alone.
const asking = () => one("[data-asking=on]")

const items = () => (asking() ? all("[data-item]", asking()) : [])

const isOpen = (item) => !one(":checked", item)

const atHand = () => (hand?.isConnected ? hand : items().find(isOpen))

const show = ({ moved = false } = {}) => {
  const item = atHand()
  for (const each of items()) each === item ? each.setAttribute("aria-current", "true") : each.removeAttribute("aria-current")
  if (moved) item?.scrollIntoView({ block: "nearest" })
}

const onKey = (event) => {
  if (!asking() || !plainKey(event) || event.repeat || typing(event.target) || one("dialog[open]")) return
  const item = atHand()
  const key = event.key.toLowerCase()
  const answer = item && all("[data-answer]", item).find((input) => input.dataset.answer === key)
  if (answer) {
    answer.checked = true
    answered(answer)
  } else if (key === "u") back(item)
  else return
  event.preventDefault()
}

const back = (item) => {
  const list = items()
  hand = list[(item ? list.indexOf(item) : list.length) - 1] ?? item
  show({ moved: true })
}

const answered = (input) => {
  const list = items()
  const at = list.indexOf(input.closest("[data-item]"))
  if (at >= 0) hand = list.slice(at + 1).find(isOpen) ?? list.find(isOpen) ?? null
  waiting.set(input.name, input.value)
  last = input.form
  show({ moved: at >= 0 })
  keep()
}

const taken = () => {
  const body = new FormData()
  for (const [name, value] of waiting) body.append(name, value)
  waiting.clear()
  return body
}

// One request at a time: what is answered meanwhile goes with the next.
const keep = async () => {
  if (busy) return
  busy = true
  while (waiting.size) await send(last)
  busy = false
}

const send = async (form) => {
  const body = taken()
  const names = [...body.keys()]
  if (form === asking() && "more" in form.dataset && !items().some(isOpen)) {
    body.append("more", "on")
    for (const field of all("[type=hidden]", form)) body.append(field.name, field.value)
    for (const input of all("[value=skip]:checked", form)) body.append("passed", input.name.replace("is-", ""))
  }
  const answer = await post(form.action, body)
  if (!answer) return reopen(form, names)
  one("#answered").innerHTML = answer.said
  if (answer.next) renew(form, answer.next)
}

// What could not be kept is asked again.
const reopen = (form, names) => {
  for (const name of names) for (const input of all(`[name="${CSS.escape(name)}"]`, form)) input.checked = false
  hand = null
  show()
}

const renew = (form, html) => {
  const within = form.contains(document.activeElement)
  form.outerHTML = html
  hand = null
  show({ moved: true })
  if (within) one("input:not([type=hidden])", asking())?.focus({ preventScroll: true })
}

start()
