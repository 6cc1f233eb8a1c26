// The grid by keys: arrows go to the neighbour that is nearest on the screen; the list is remembered for the picture page.
import { all, one, plainKey } from "./dom.js"
import { current, idOf } from "./long.js"

const KEYS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }

export const start = () => {
  document.addEventListener("keydown", onKey)
  document.addEventListener("click", remember)
  if (sessionStorage.getItem("focus")) one("[data-card]")?.focus({ preventScroll: true })
  sessionStorage.removeItem("focus")
}

const onKey = (event) => {
  const link = event.target.closest?.("[data-card]")
  if (!plainKey(event)) return
  if (!link) {
    if (event.key === "ArrowDown" && event.target === document.body) focus(first(), event)
    return
  }
  if (event.key === "m") moreLike(one("[data-alike]", link.closest(".card")))
  if (!(event.key in KEYS)) return
  current()?.bring(link.closest(".card"))
  focus(neighbour(link, KEYS[event.key]), event)
}

// Of a long grid, the first that is in the window.
const first = () => one(`[data-card="${current()?.seen().id}"]`) ?? one("[data-card]")

// What comes next is gone through by keys as well.
const moreLike = (alike) => {
  if (!alike) return
  sessionStorage.setItem("focus", "first")
  alike.click()
}

const focus = (link, event) => {
  if (link || current()?.awaits(event.target)) event.preventDefault()
  if (!link) return
  link.focus()
  link.scrollIntoView({ block: "nearest" })
}

// Left and right follow the order; up and down take the card of the next row that is nearest sideways.
const neighbour = (link, [dx, dy]) => {
  const links = all("[data-card]", link.closest("[data-grid]"))
  const at = links.indexOf(link)
  if (dx) return links[at + dx]
  const from = link.getBoundingClientRect()
  const rows = links
    .map((other) => ({ other, box: other.getBoundingClientRect() }))
    .filter(({ box }) => (dy > 0 ? box.top >= from.bottom : box.bottom <= from.top))
  const distance = ({ box }) => Math.abs(box.top - from.top) * 8 + Math.abs(box.left + box.width / 2 - from.left - from.width / 2)
  return rows.sort((a, b) => distance(a) - distance(b))[0]?.other
}

const remember = (event) => {
  const link = event.target.closest("[data-card]")
  const grid = link?.closest("[data-grid]")
  const cards = grid && (current()?.list === grid ? current().blocks.cards() : all(".card", grid))
  if (grid) sessionStorage.setItem("list", JSON.stringify(cards.map(idOf)))
}
