// The long grid of this page, where there is one, and who hears of its cards; windowed.js makes it.
import { one } from "./dom.js"

let grid = null
const watchers = { came: [], left: [], moved: [] }

export const current = () => grid

export const set = (made) => (grid = made)

// Others hear of cards that come into the page, leave it, and of every move.
export const on = (name, hear) => watchers[name].push(hear)

export const tell = (name, value) => {
  for (const hear of watchers[name]) hear(value)
}

export const idOf = (card) => one("[data-card]", card).dataset.card

export const rankOf = (card) => Number(card.ariaPosInSet) - 1
