// The frame: keys, notices that go away, the theme, the number of pictures that wait.
import { all, notify, one, plainKey, say, typing } from "./dom.js"

const UNDO = 10000
const READ = 5000
const POLL = 10000
const POLL_BUSY = 3000
const SELDOM = 60000

export const start = () => {
  document.addEventListener("keydown", onKey)
  document.addEventListener("click", onClick)
  document.addEventListener("change", onChange)
  document.addEventListener("visibilitychange", poll)
  addEventListener("pageshow", (event) => event.persisted && poll())
  document.addEventListener("htmx:afterSwap", (event) => event.detail.target.id === "now" && poll())
  document.addEventListener("htmx:sendError", () => notify(say("broken"), { bad: true }))
  document.addEventListener("htmx:beforeSwap", keepPage)
  poll()
}

export const enliven = (root) => {
  for (const notice of all("[data-notice]", root)) {
    setTimeout(() => notice.remove(), "keep" in notice.dataset ? UNDO : READ)
  }
}

// A whole page as the answer to a part of one is an error page; its words are told, and the page stays as it is.
const keepPage = ({ detail }) => {
  if (detail.xhr.status < 400 || !/^\s*<!doctype/i.test(detail.xhr.responseText)) return
  detail.shouldSwap = false
  const page = new DOMParser().parseFromString(detail.xhr.responseText, "text/html")
  const lines = ["h1", "h1 ~ p"].map((name) => one(name, page)?.textContent.trim())
  notify(lines.filter(Boolean).join(". ") || say("broken"), { bad: true })
}

const onKey = (event) => {
  if (!plainKey(event) || typing(event.target)) return
  if (event.key === "/") one("#words-field")?.focus()
  else if (event.key === "?") one("#help").showModal()
  else if (event.key === "c" && one("[data-choose]")) one("[data-choose]").click()
  else return
  event.preventDefault()
}

const onClick = (event) => {
  event.target.closest("[data-close]")?.closest("[data-notice]").remove()
  const on = (name) => event.target.closest(`[data-${name}]`)
  if (on("copy")) copy(on("copy"))
  if (on("help")) one("#help").showModal()
}

// Browsers offer the clipboard to https and localhost alone; elsewhere the text beside the button is marked and copied.
const copy = async (button) => {
  if (navigator.clipboard) await navigator.clipboard.writeText(button.dataset.copy)
  else {
    getSelection().selectAllChildren(one("code, .lines", button.closest(".secret, .read")))
    document.execCommand("copy")
  }
  notify(say("copied"))
}

const onChange = (event) => {
  if (event.target.matches("[data-submit]")) event.target.form.requestSubmit()
  const form = event.target.closest("[data-theme-switch]")
  if (!form) return
  document.documentElement.dataset.theme = event.target.value
  fetch(form.action, { method: "POST", body: new FormData(form), headers: { "HX-Request": "true" } })
}

// Each number of the bar is asked for again: soon while something goes on, seldom where it says so; what is asked for
// seldom is remembered from page to page, but for pages where it may just have changed.
const timers = new Map()
const poll = () => all("[data-poll]").forEach(count)

const count = async (counter) => {
  clearTimeout(timers.get(counter))
  if (document.hidden) return
  const wait = remembered(counter) || (await ask(counter))
  timers.set(counter, setTimeout(() => count(counter), wait))
}

const remembered = (counter) => {
  if (!counter.dataset.seldom || "now" in counter.dataset) return 0
  const { at, text } = JSON.parse(sessionStorage.getItem(counter.dataset.seldom) ?? '{"at":0}')
  const left = at + SELDOM - Date.now()
  if (left <= 0) return 0
  counter.textContent = text
  return left
}

const ask = async (counter) => {
  const response = await fetch(counter.dataset.poll, { headers: { "HX-Request": "true" } }).catch(() => null)
  if (response?.ok && !response.headers.has("HX-Redirect")) counter.textContent = (await response.text()).trim()
  const { seldom } = counter.dataset
  if (!seldom) return counter.textContent ? POLL_BUSY : POLL
  sessionStorage.setItem(seldom, JSON.stringify({ at: Date.now(), text: counter.textContent }))
  return SELDOM
}
