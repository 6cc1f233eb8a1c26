// Two pictures side by side: the window that a score opens, what is drawn over them, and flicker by keys.
import { all, one, plainKey, typing } from "./dom.js"

export const start = () => {
  document.addEventListener("htmx:beforeRequest", open)
  document.addEventListener("htmx:afterSwap", fill)
  for (const name of ["htmx:responseError", "htmx:sendError"]) document.addEventListener(name, close)
  document.addEventListener("click", onClick)
  document.addEventListener("keydown", onKey)
}

const isWhy = ({ detail }) => detail.target?.id === "why-body"

const open = (event) => {
  if (!isWhy(event)) return
  one("#why-body").replaceChildren(one("#why [data-comparing]").content.cloneNode(true))
  one("#why").showModal()
  one("#why-body").focus() // and not on the button that closes, which Space would press
}

// A picture that was sent along is in this window only; its other half shows the very same file.
const fill = (event) => {
  if (!isWhy(event)) return
  const sent = one("[data-sent]", one("#why"))
  const query = one("[data-query] img")
  if (sent && query) sent.src = query.src
}

// What went wrong is said in a notice, which the window would hide.
const close = (event) => {
  if (isWhy(event) || event.detail.elt?.matches?.("[data-asks-why]")) one("#why").close()
}

const shown = () => one("#why[open] [data-why]") ?? one("main [data-why]")

const onClick = (event) => {
  const why = event.target.closest("[data-why]")
  if (!why) return
  const layer = event.target.closest("[data-show]")
  if (layer) show(why, layer)
  else if (event.target.closest("[data-flicker]")) flicker(why)
  else if (event.target.closest("[data-beside]")) beside(why)
}

const show = (why, button) => {
  const on = button.getAttribute("aria-pressed") !== "true"
  button.setAttribute("aria-pressed", on)
  why.classList.toggle(`no-${button.dataset.show}`, !on)
}

// The first time lays one on the other, each further time shows the other one.
const flicker = (why) => {
  const [query, result] = all(".side", why)
  const pair = one("[data-pair]", why)
  if (pair.classList.contains("flicker")) for (const side of [query, result]) side.classList.toggle("behind")
  else {
    pair.classList.add("flicker")
    query.classList.add("behind")
  }
  state(why)
}

const beside = (why) => {
  one("[data-pair]", why).classList.remove("flicker")
  for (const side of all(".side", why)) side.classList.remove("behind")
  state(why)
  one("[data-flicker]", why).focus()
}

const state = (why) => {
  const on = one("[data-pair]", why).classList.contains("flicker")
  one("[data-flicker]", why).setAttribute("aria-pressed", on)
  one("[data-beside]", why).hidden = !on
}

const onKey = (event) => {
  const why = plainKey(event) && !typing(event.target) && shown()
  if (!why) return
  const layers = { l: "light", o: "outline" }
  const layer = one(`[data-show="${layers[event.key]}"]`, why)
  if (layer) show(why, layer)
  else if (event.key === " " && !event.target.closest("button, a, summary, input, select")) flicker(why)
  else if (event.key === "b" && one(".flicker", why)) beside(why)
  else return
  event.preventDefault()
}
