// Back, forward and reload bring the same pictures at the same place: each history entry finds again what it showed.
import { all, counted, one, token } from "./dom.js"
import { find, forgetAll, forgetOld, keep } from "./kept.js"
import { ask, putBack, taken } from "./search.js"

const BACK = "back"
const AT_ONCE = 200

let entry = null
let busy = false

// A long grid keeps its place itself: placed.js.
const place = () => one("[data-stays]:not(:has(.windowed))")

export const start = async () => {
  if (one("[data-forget]")) return void forgetAll()
  addEventListener("popstate", onPop)
  addEventListener("scroll", later(noteScroll), { passive: true })
  document.addEventListener("click", noteCard, true)
  document.addEventListener("htmx:afterSwap", onSwap)
  if (place()) await begin()
  forgetOld()
}

// What a reload is by the buttons of the browser, not by our own going back within a page.
const isBack = () => {
  const ours = sessionStorage.getItem(BACK)
  sessionStorage.removeItem(BACK)
  return Boolean(ours) || performance.getEntriesByType("navigation")[0]?.type === "back_forward"
}

const begin = async () => {
  const back = isBack()
  if (!history.state?.entry) return renew()
  entry = history.state.entry
  const record = await find(entry).catch(() => null)
  if (!record) return save()
  history.scrollRestoration = "manual"
  if (back) bringBack(record)
  else if (record.asked) askAgain(record)
  else scrollTo(0, history.state.y ?? 0)
}

const renew = () => {
  entry = `${Date.now()} ${Math.random()}`
  history.replaceState({ ...history.state, entry }, "")
  save()
}

// The same pictures as before, without asking; those that are gone meanwhile are left out.
const bringBack = (record) => {
  if (record.form) putBack(record.form)
  one("main").className = record.main
  place().innerHTML = record.html
  htmx.process(place())
  document.title = record.title
  settle()
  leaveOutGone()
}

const settle = () => {
  const { y, card } = history.state
  one(`[data-card="${CSS.escape(card ?? "")}"]`)?.focus({ preventScroll: true })
  scrollTo(0, y ?? 0)
}

// A reload asks anew, for as many as were there; a picture that was dropped is still in our hands.
const askAgain = async (record) => {
  const few = all("[data-card]").length >= record.shown
  if (few && !record.form.files.length) return settle()
  busy = true
  if (record.form.files.length) putBack(record.form)
  one("main").className = record.main
  await ask({ k: Math.min(AT_ONCE, Math.max(record.shown, 1)) })
  busy = false
  save()
  settle()
}

const leaveOutGone = async () => {
  const url = place().dataset.states
  const cards = all("[data-card]", place())
  for (let at = 0; url && at < cards.length; at += AT_ONCE) {
    const some = cards.slice(at, at + AT_ONCE)
    const body = new FormData()
    for (const card of some) body.append("id", card.dataset.card)
    const headers = { Accept: "application/json", "X-CSRFToken": token() }
    const answer = await fetch(url, { method: "POST", body, headers }).catch(() => null)
    if (!answer?.ok) return
    const { states } = await answer.json()
    for (const card of some) if (!(card.dataset.card in states)) card.closest(".card").remove()
  }
}

const onSwap = ({ detail }) => {
  const inside = place()?.contains(detail.target) || detail.target === place() || !detail.target.isConnected
  if (!inside) return
  const address = detail.xhr.getResponseHeader("HX-Push-Url")
  if (address && !busy) push(address)
  count()
  later(save)()
}

const push = (address) => {
  entry = `${Date.now()} ${Math.random()}`
  history.pushState({ entry }, "", address)
  const top = place().getBoundingClientRect().top
  if (top < 0) scrollBy(0, top - (one(".bar")?.offsetHeight ?? 0) - 16)
}

// How many are there by now, and what was asked, in the line and in the tab.
const count = () => {
  const line = one("#line")
  if (!line) return
  if (line.dataset.title) document.title = line.dataset.title
  const shown = one("[data-shown]", line)
  if (shown) shown.textContent = counted(all("[data-card]", place()).length)
}

const save = () => {
  if (!place()) return
  const form = one("[data-search]") && taken()
  const shown = all("[data-card]", place()).length
  const asked = Boolean(one("#line"))
  const record = { entry, form, shown, asked, html: place().innerHTML, main: one("main").className, title: document.title }
  keep(record).catch(() => null) // where a browser keeps nothing, going back asks anew
}

const noteScroll = () => entry && history.replaceState({ ...history.state, y: scrollY }, "")

const noteCard = (event) => {
  const card = event.target.closest(".card")
  if (!card || !entry || !place()?.contains(card)) return
  history.replaceState({ ...history.state, y: scrollY, card: one("[data-card]", card).dataset.card }, "")
}

const onPop = () => {
  if (!history.state?.entry || history.state.entry === entry) return
  sessionStorage.setItem(BACK, "1")
  location.reload()
}

const later = (work) => {
  let timer
  return () => {
    clearTimeout(timer)
    timer = setTimeout(work, 120)
  }
}
