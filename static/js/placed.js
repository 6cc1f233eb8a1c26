// The place in a long grid stands in the address and the history entry: Back, reload and a sent link come back to it.
import { one } from "./dom.js"
import { current, idOf } from "./long.js"

const REST = 200

let jumped = null
let clicked = null
let timer

export const start = () => {
  if (!current()) return
  history.scrollRestoration = "manual"
  addEventListener("scroll", later, { passive: true })
  addEventListener("popstate", comeBack)
  document.addEventListener("click", noteCard, true)
  comeBack()
}

const later = () => {
  clearTimeout(timer)
  timer = setTimeout(note, REST)
}

// Jump to a rank; the address is what leads there.
export const jump = (rank, address) => {
  clicked = null
  note()
  history.pushState({}, "", address)
  go(rank)
  current().later()
}

const go = (rank, top) => {
  jumped = { rank, top: current().go(rank, top) }
}

const comeBack = () => {
  const grid = current()
  const { place } = history.state ?? {}
  const near = grid.find(new URL(location).searchParams.get("near"))
  const first = Number(grid.list.dataset.first)
  if (place) go(grid.find(place.id) ?? place.rank, place.top)
  else if (near ?? first) go(near ?? first)
  else scrollTo(0, 0)
  if (place?.card) one(`[data-card="${CSS.escape(place.card)}"]`)?.focus({ preventScroll: true })
}

// What is fixed by a link stays in the address until one scrolls on.
const note = () => {
  if (scrollY === clicked) return // the card that was opened is the place
  const grid = current()
  const still = jumped && Math.abs(grid.topOf(jumped.rank) - jumped.top) < 2
  const place = grid.view.top > 0 || still ? grid.seen() : null
  const asked = grid.list.dataset.window
  const address = place?.id ? `${asked}near=${place.id}` : place ? null : asked.slice(0, -1) || location.pathname
  if (!still) jumped = null
  history.replaceState({ ...history.state, place }, "", still || address === null ? location.href : address)
}

const noteCard = (event) => {
  const card = event.target.closest(".card")
  if (!card || !current().list.contains(card)) return
  clicked = scrollY
  const place = { id: idOf(card), rank: Number(card.ariaPosInSet) - 1, top: card.getBoundingClientRect().top, card: idOf(card) }
  history.replaceState({ ...history.state, place }, "", `${current().list.dataset.window}near=${place.id}`)
}
